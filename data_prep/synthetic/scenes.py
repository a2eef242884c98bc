"""The nine activities: which sources sound in a session, and what happens in each segment.

A recipe takes the session's generator (the same for every segment: appliances, people, places,
levels) and the segment's own (events), and gives the sources. It draws from the session's generator
regardless of the segment. Classes share ingredients on purpose, and stand before backgrounds as
broad as they are: the mean spectrum alone does not tell them apart.
"""

from collections.abc import Callable

import numpy as np

from asc_nas.core.registry import Registry
from data_prep.synthetic.room import Source, place
from data_prep.synthetic.signals import RATE, Signal, filtered, noise, poisson, random_curve, slow
from data_prep.synthetic.sources import Motor, Objects, Stream, bursts, gate, hum, sizzle
from data_prep.synthetic.voices import Talker, laughter, music, turns

Generator = np.random.Generator
Recipe = Callable[[Generator, Generator, int], list[Source]]

ACTIVITIES: Registry[Recipe] = Registry("activity")

CUTLERY = ((1800.0, 7000.0), (0.02, 0.09))  # modes (Hz), decay times (s)
DISHES = ((500.0, 3500.0), (0.03, 0.14))
KEYS = ((900.0, 5500.0), (0.002, 0.008))
STEPS = ((60.0, 350.0), (0.015, 0.05))
PANS = ((350.0, 2500.0), (0.04, 0.16))


def perform(label: str, session: Generator, segment: Generator, samples: int) -> list[Source]:
    """Return everything that sounds during one segment of the activity `label`.

    Levels are in dB relative to the background noise, both at 1 m.
    """
    return background(session, segment, samples) + ACTIVITIES[label](session, segment, samples)


def background(session: Generator, segment: Generator, samples: int) -> list[Source]:
    """Return ventilation and hum; often a refrigerator, gusts of rain, traffic or thuds."""
    air = random_curve(session, session.uniform(-6, -2), 2.5)
    weather = random_curve(session, session.uniform(-5, -1), 2.5)
    fridge = Motor.draw(session, 45, 240)
    things = Objects.draw(session, (80, 2500), (0.005, 0.06))
    air_at, hum_at, fridge_at, window = (place(session) for _ in range(4))
    hum_db, fridge_db, weather_db = session.uniform([-22, -14, -8], [-8, 0, 6])
    with_fridge, with_weather = session.uniform(size=2) < (0.35, 0.55)
    sources = [
        Source(air_at, noise(segment, samples, air), 0),
        Source(hum_at, hum(session, samples), hum_db),
    ]
    if with_fridge:
        sources.append(Source(fridge_at, fridge.play(segment, samples, 0.002), fridge_db))
    if with_weather:
        rain = noise(segment, samples, weather) * np.exp(0.8 * slow(segment, samples, 1.5))
        sources.append(Source(window, rain, weather_db))
    if segment.uniform() < 0.5:
        thud = things.strike(segment, poisson(segment, samples, 0.15), samples)
        sources.append(Source(place(segment), thud, segment.uniform(5, 18)))
    return sources


@ACTIVITIES.register("absence")
def absence(session: Generator, segment: Generator, samples: int) -> list[Source]:
    """Nobody is there."""
    return []


@ACTIVITIES.register("cooking")
def cooking(session: Generator, segment: Generator, samples: int) -> list[Source]:
    """Frying, stirring in a pan, and often an extractor hood."""
    pans, hood = Objects.draw(session, *PANS), Motor.draw(session, 60, 160)
    hiss = random_curve(session, session.uniform(-1.5, 1), 3)
    stove, crackles, with_hood = place(session), session.uniform(15, 60), session.uniform() < 0.5
    fry_db, stir_db, hood_db = session.uniform([8, 15, -4], [18, 25, 4])
    stirring = bursts(segment, samples, 0.35, (4, 12), (2.5, 4.5))
    sources = [
        Source(stove, sizzle(segment, samples, hiss, crackles), fry_db),
        Source(stove, pans.strike(segment, stirring, samples, 4, 1.0), stir_db),
    ]
    if with_hood:
        sources.append(Source(stove, hood.play(segment, samples, 0.003), hood_db))
    return sources


@ACTIVITIES.register("dishwashing")
def dishwashing(session: Generator, segment: Generator, samples: int) -> list[Source]:
    """Water that is turned on and off, and dishes that knock."""
    tap, dishes, sink = Stream.draw(session), Objects.draw(session, *DISHES), place(session)
    water_db, dish_db = session.uniform([11, 17], [20, 27])
    water = tap.play(segment, samples) * (0.15 + 0.85 * gate(segment, samples, 4, 1.5))
    knocks = bursts(segment, samples, 0.7, (1, 4), (2, 7))
    return [
        Source(sink, water, water_db),
        Source(sink, dishes.strike(segment, knocks, samples), dish_db),
    ]


@ACTIVITIES.register("eating")
def eating(session: Generator, segment: Generator, samples: int) -> list[Source]:
    """Cutlery on a plate; one or two people who say little."""
    cutlery, table = Objects.draw(session, *CUTLERY), place(session)
    talkers = [Talker.draw(session) for _ in range(2)]
    company, (cut_db, talk_db) = session.uniform(), session.uniform([15, 8], [27, 18])
    knocks = bursts(segment, samples, 0.8, (1, 5), (2, 6))
    sources = [Source(table, cutlery.strike(segment, knocks, samples, 6, 0.2), cut_db)]
    if company < 0.5 and segment.uniform() < 0.4:
        floor = turns(segment, samples, 6, 1.2, 0)[:2]
        for talker, turn in zip(talkers, floor, strict=True):
            sources.append(Source(table, talker.speak(segment, samples, 0.5, turn), talk_db))
    return sources


@ACTIVITIES.register("other")
def other(session: Generator, segment: Generator, samples: int) -> list[Source]:
    """Somebody passes through: steps, doors, a little water or speech."""
    feet = Objects.draw(session, *STEPS)
    door = Objects.draw(session, (50, 700), (0.04, 0.12), 2)
    tap, talker, door_at, sink = (
        Stream.draw(session), Talker.draw(session), place(session), place(session),
    )  # fmt: skip
    step_db, door_db, rest_db = session.uniform([16, 16, 6], [27, 27, 14])
    steps = bursts(segment, samples, 0.3, (6, 14), (1.6, 2.3))
    sources = [Source(place(segment), feet.strike(segment, steps, samples, 3, 0.3), step_db)]
    if segment.uniform() < 0.7:
        slam = bursts(segment, samples, 0.2, (1, 2), (1.5, 3))
        sources.append(Source(door_at, door.strike(segment, slam, samples, 3, 1.5), door_db))
    if segment.uniform() < 0.35:
        water = tap.play(segment, samples) * gate(segment, samples, 1.2, 5)
        sources.append(Source(sink, water, rest_db))
    if segment.uniform() < 0.35:
        turn = turns(segment, samples, 5, 1.2, 0)[0]
        sources.append(Source(door_at, talker.speak(segment, samples, 0.4, turn), rest_db))
    return sources


@ACTIVITIES.register("social_activity")
def social_activity(session: Generator, segment: Generator, samples: int) -> list[Source]:
    """Two to four people in conversation, who laugh; sometimes cutlery."""
    people = [(Talker.draw(session), place(session)) for _ in range(int(session.integers(2, 5)))]
    cutlery, table = Objects.draw(session, *CUTLERY), place(session)
    talk_db, cut_db = session.uniform([10, 4], [22, 12])
    floor = turns(segment, samples, len(people), 1.8, 0.45)
    sources = []
    for (talker, at), turn in zip(people, floor, strict=True):
        voice = talker.speak(segment, samples, 0.15, turn)
        sources.append(Source(at, voice, talk_db + segment.normal(0, 2)))
    if segment.uniform() < 0.4:
        talker, at = people[0]
        sources.append(Source(at, laughter(segment, talker, samples), talk_db))
    if segment.uniform() < 0.35:
        knocks = bursts(segment, samples, 0.3, (1, 3), (2, 6))
        sources.append(Source(table, cutlery.strike(segment, knocks, samples), cut_db))
    return sources


@ACTIVITIES.register("vacuum_cleaner")
def vacuum_cleaner(session: Generator, segment: Generator, samples: int) -> list[Source]:
    """A motor whose load, pitch and distance change with every stroke."""
    motor, at = Motor.draw(session, 170, 360), place(session)
    level, pace = session.uniform([13, 0.35], [23, 0.8])
    time = np.arange(samples) / RATE
    stroke = np.sin(2 * np.pi * pace * time + segment.uniform(0, 6) + slow(segment, samples, 1.5))
    run = motor.play(segment, samples, 0.012)
    return [Source(at, run * (10 ** (6 * stroke / 20)).astype(np.float32), level)]


@ACTIVITIES.register("watching_tv")
def watching_tv(session: Generator, segment: Generator, samples: int) -> list[Source]:
    """A small loudspeaker: scenes of speech, music or both, cut hard every few seconds."""
    at, level = place(session), session.uniform(9, 21)
    low, high = session.uniform([180, 3500], [400, 6000])
    musical = session.uniform(0.55, 0.95)
    speaker = [(low / 2, -24.0), (low, 0.0), (high, 0.0), (1.3 * high, -24.0)]
    programme = np.zeros(samples, dtype=np.float32)
    start = 0
    while start < samples:
        end = min(start + int(segment.uniform(1.2, 3.5) * RATE), samples)
        programme[start:end] = _shot(segment, end - start, musical) * 10 ** segment.uniform(-0.5, 0)
        start = end
    return [Source(at, filtered(programme, speaker), level)]


def _shot(rng: Generator, samples: int, musical: float) -> Signal:
    """Return one shot of the programme: a voice, a tune, or a voice over a tune."""
    kind = rng.uniform()
    if samples < 1600:
        return np.zeros(samples, dtype=np.float32)
    if kind < musical / 2:
        return music(rng, samples)
    voice = Talker.draw(rng).speak(rng, samples, 0.15)
    return voice + (0.6 * music(rng, samples) if kind < musical else np.float32(0))


@ACTIVITIES.register("working")
def working(session: Generator, segment: Generator, samples: int) -> list[Source]:
    """Typing in bursts and mouse clicks, beside a computer's fan."""
    keys = Objects.draw(session, *KEYS, objects=8)
    mouse, fan = Objects.draw(session, *KEYS, objects=2), Motor.draw(session, 40, 120)
    desk, speed = place(session), session.uniform(4.5, 8.5)
    key_db, fan_db, with_fan = session.uniform(15, 27), session.uniform(-10, 0), session.uniform()
    typing = bursts(segment, samples, 0.4, (5, 22), (speed * 0.9, speed * 1.1))
    clicks = bursts(segment, samples, 0.4, (1, 2), (4, 6))
    sources = [
        Source(desk, keys.strike(segment, typing, samples, 3, 1.0), key_db),
        Source(desk, mouse.strike(segment, clicks, samples, 2, 1.0), key_db),
    ]
    if with_fan < 0.5:
        sources.append(Source(desk, fan.play(segment, samples, 0.002), fan_db))
    return sources
