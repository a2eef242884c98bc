import sys
from types import ModuleType, SimpleNamespace

import numpy as np
import pytest

from asc_nas.core.errors import AscNasError, UsageError
from asc_nas.runtime import microphone
from asc_nas.runtime.audio_buffer import Buffer
from asc_nas.runtime.listen import Gap
from asc_nas.runtime.microphone import Microphone, input_devices

RATE = 8000


class FakeSound(ModuleType):
    """A `sounddevice` with microphones that a test plugs in and out."""

    class PortAudioError(Exception):
        pass

    def __init__(self):
        super().__init__("sounddevice")
        self.default = SimpleNamespace(device=[1, 0])
        self.plugged = [("Speaker", 0), ("Built-in", 2), ("USB mic", 1)]
        self.streams = []
        self.refuse = 0  # how many times opening fails
        self.greets = False  # whether the first stream gives a chunk as soon as it is started

    def query_devices(self, device=None, kind=None):
        devices = [
            {"name": name, "max_input_channels": channels, "default_samplerate": float(RATE)}
            for name, channels in self.plugged
        ]
        if kind is None:
            return devices
        if device is None:
            device = self.default.device[0]
            if device >= len(devices):
                raise self.PortAudioError("Error querying device -1")
        if isinstance(device, str):
            found = [d for d in devices if device.lower() in d["name"].lower()]
            if not found:
                raise ValueError(f"No input device matching {device!r}")
            return found[0]
        return devices[device]

    def InputStream(self, **options):  # noqa: N802
        if self.refuse:
            self.refuse -= 1
            raise self.PortAudioError("Error opening InputStream: Invalid sample rate")
        self.streams.append(SimpleNamespace(active=True, closed=False, **options))
        stream = self.streams[-1]
        stream.start = lambda: self.speak(0.5) if self.greets else None
        stream.close = lambda: setattr(stream, "closed", True)
        return stream

    def _terminate(self):
        pass

    def _initialize(self):
        pass

    def speak(self, value, frames=80):
        """Give the open stream a chunk, as PortAudio's thread does."""
        samples = np.full((frames, self.streams[-1].channels), value, np.float32)
        self.streams[-1].callback(samples, frames, None, None)
        samples[:] = -1  # PortAudio uses its memory again


@pytest.fixture
def sound(monkeypatch):
    fake = FakeSound()
    monkeypatch.setitem(sys.modules, "sounddevice", fake)
    for name in ("POLL", "RETRY", "STALL"):
        monkeypatch.setattr(microphone, f"{name}_SECONDS", 0.01)
    return fake


def opened(device=None, rate=None, channels=1, buffer_seconds=1.0):
    """Return (an iterator that has given its first chunk, what is said)."""
    said = []
    items = iter(Microphone(device, rate, channels, buffer_seconds, said.append))
    sound = sys.modules["sounddevice"]
    sound.greets = True
    np.testing.assert_array_equal(next(items), np.full((channels, 80), 0.5))
    sound.greets = False
    return items, said


def test_chunks_come_in_order_with_channels_first(sound):
    items, said = opened(channels=2)
    for value in (0.1, 0.2):
        sound.speak(value)
    assert [next(items)[1, 0] for _ in range(2)] == [np.float32(0.1), np.float32(0.2)]
    assert not said
    assert (sound.streams[0].samplerate, sound.streams[0].device) == (RATE, None)


def test_a_device_is_named_by_a_part_of_its_name_or_its_number(sound):
    assert Microphone("usb", None, 1, 1, print).name == "USB mic"
    assert Microphone("1", 44100, 1, 1, print).name == "Built-in"
    assert Microphone("1", 44100, 1, 1, print).sample_rate == 44100


def test_the_microphones_are_those_with_input_channels(sound):
    assert [(d.number, d.name, d.is_default) for d in input_devices()] == [
        (1, "Built-in", True),
        (2, "USB mic", False),
    ]


def test_an_unknown_device_or_none_at_all_is_one_sentence(sound):
    with pytest.raises(UsageError, match=r"no microphone 'blue'.*--list-devices"):
        Microphone("blue", None, 1, 1, print)
    sound.plugged = []
    with pytest.raises(AscNasError, match="no microphone is found"):
        Microphone(None, None, 1, 1, print)


def test_a_device_that_does_not_open_is_an_error_at_the_beginning(sound):
    sound.refuse = 1
    with pytest.raises(AscNasError, match=r"Built-in does not open at 9999 Hz.*--rate"):
        next(iter(Microphone(None, 9999, 1, 1, print)))


@pytest.mark.parametrize("stalls", [False, True])
def test_a_lost_device_is_tried_again_until_it_is_back(sound, stalls):
    items, said = opened("USB")
    sound.streams[0].active = stalls  # PortAudio ends the stream, or says nothing at all
    sound.refuse = 3
    sound.plugged = [("USB mic", 1), ("Built-in", 2)]  # back under another number
    gap = next(items)
    assert isinstance(gap, Gap)
    assert gap.seconds >= 4 * microphone.RETRY_SECONDS
    assert sound.streams[0].closed
    assert [sentence.split(";")[0] for sentence in said] == [
        "the microphone USB mic is gone",
        "the microphone USB mic is back",
    ]
    assert sound.streams[1].device == 0
    sound.speak(0.3)
    assert next(items)[0, 0] == np.float32(0.3)


def test_a_named_device_is_not_replaced_by_another(sound, monkeypatch):
    items, _ = opened("USB")
    sound.streams[0].active = False
    sound.plugged = [("Built-in", 2)]
    pauses = []

    def pause(seconds):
        pauses.append(seconds)
        if len(pauses) == 5:
            raise KeyboardInterrupt

    monkeypatch.setattr(microphone.time, "sleep", pause)
    with pytest.raises(KeyboardInterrupt):
        next(items)
    assert len(sound.streams) == 1


def test_a_slow_listener_loses_the_oldest_and_hears_how_much(sound):
    items, said = opened(buffer_seconds=0.1)  # 800 frames
    for value in range(11):
        sound.speak(value)
    assert next(items) == Gap(6 * 80 / RATE)  # 880 held: down to no more than 400
    assert [next(items)[0, 0] for _ in range(5)] == [6, 7, 8, 9, 10]
    assert len(said) == 1
    assert said[0].startswith("0.1 s of audio were dropped")


def test_the_stream_is_closed_when_listening_ends(sound):
    items, _ = opened()
    items.close()
    assert sound.streams[0].closed


def test_a_buffer_never_holds_more_than_its_limit():
    buffer = Buffer(100)
    for _ in range(1000):
        buffer.put(np.zeros((1, 7), np.float32))
        assert buffer._held <= 100
    lost, wave = buffer.get(0)
    rest = 0
    while wave is not None:
        rest += wave.shape[1]
        again, wave = buffer.get(0)
        assert again == 0
    assert lost + rest == 7000


@pytest.mark.parametrize(("failure", "hint"), [(None, r"asc-nas\[listen\]"), ("lib", "PortAudio")])
def test_a_missing_sounddevice_or_portaudio_names_the_way_out(monkeypatch, tmp_path, failure, hint):
    monkeypatch.setitem(sys.modules, "sounddevice", None)
    if failure:
        (tmp_path / "sounddevice.py").write_text("raise OSError('PortAudio library not found')")
        monkeypatch.delitem(sys.modules, "sounddevice")
        monkeypatch.syspath_prepend(tmp_path)
    with pytest.raises(AscNasError, match=rf"{hint}.*asc-nas listen -"):
        Microphone(None, None, 1, 1, print)
