import numpy as np
import pytest
import soundfile
from hypothesis import given
from hypothesis import strategies as st
from toy_classifier import FRONTEND, RATE, tones, toy_classifier

from asc_nas.audio.io import AudioError, load_audio
from asc_nas.audio.logmel import windows
from asc_nas.core.errors import UsageError
from asc_nas.runtime.stream import Resampler, SceneStream, Signal
from asc_nas.runtime.timeline import TimelineConfig
from asc_nas.runtime.windower import Windower

TOY = toy_classifier()
WAVE = tones("low", "high", "high", "middle", "middle", "low", seconds=0.7, channels=2)
DETAILED = TimelineConfig(hop=0.11, window=0.2, smooth=0.6, merge=0.3, min_confidence=0.5)


def streamed(wave, rate, config, chunk):
    """Return (mean posterior, steps, segments) of a stream fed in chunks."""
    stream = SceneStream(TOY, rate, config)
    updates = [stream.feed(wave[:, i : i + chunk]) for i in range(0, wave.shape[1], chunk)]
    updates.append(stream.finish())
    steps = [(s.start, s.end, *s.posterior) for update in updates for s in update.steps]
    return stream.posterior.tolist(), steps, [s for update in updates for s in update.segments]


@pytest.mark.parametrize("config", [TimelineConfig(), DETAILED])
@pytest.mark.parametrize("rate", [RATE, 11025])
def test_a_stream_in_any_chunks_gives_what_a_file_gives(tmp_path, config, rate):
    soundfile.write(tmp_path / "a.wav", WAVE.T, rate, subtype="FLOAT")
    answer = TOY.classify(tmp_path / "a.wav", None, config)
    steps = [(s.start, s.end, *s.posterior) for s in answer.steps]
    assert len({s.label for s in answer.segments}) > 1
    for chunk in (97, 1000, 10**6):
        assert streamed(WAVE, rate, config, chunk) == (
            list(answer.scores.values()),
            steps,
            list(answer.segments),
        )


@pytest.mark.parametrize("rate", [RATE, 11025, 44100])
def test_a_resampled_stream_is_to_the_last_sample_the_resampled_file(tmp_path, rate):
    soundfile.write(tmp_path / "a.wav", WAVE.T, rate, subtype="FLOAT")
    resampler = Resampler(rate, RATE)
    parts = [resampler.push(WAVE[:, i : i + 777]) for i in range(0, WAVE.shape[1], 777)]
    found = np.concatenate([*parts, resampler.finish()], axis=1)
    np.testing.assert_array_equal(found, load_audio(tmp_path / "a.wav", RATE))


@given(
    length=st.integers(1, 60),
    samples=st.integers(1, 20),
    hop=st.integers(1, 20),
    chunk=st.integers(1, 70),
)
def test_the_windows_of_a_stream_are_those_of_a_recording(length, samples, hop, chunk):
    hop = min(hop, samples)
    wave = np.arange(1, length + 1, dtype=np.float32)[None]
    windower = Windower(samples, hop)
    found = []
    for start in range(0, length, chunk):
        found += windower.push(wave[:, start : start + chunk])
    found += windower.finish()
    cut, starts = windows(wave, samples, hop)
    assert [w.start for w in found] == starts.tolist()
    assert [w.end for w in found] == np.minimum(starts + samples, length).tolist()
    np.testing.assert_array_equal([w.wave for w in found], cut)
    assert [w.since for w in found] == [number * hop for number in range(len(found))]
    assert length - found[-1].end <= 0.02 * samples


def test_a_short_recording_is_repeated_where_the_card_says_so(tmp_path):
    wave = tones("high", seconds=0.1)
    repeated = toy_classifier(short="repeat").classify(wave, RATE)
    tiled = TOY.classify(np.tile(wave, 5), RATE)
    assert repeated.scores == tiled.scores
    assert repeated.duration == pytest.approx(0.1)
    assert repeated.scores != TOY.classify(wave, RATE).scores
    soundfile.write(tmp_path / "a.wav", wave.T, RATE, subtype="FLOAT")
    assert toy_classifier(short="repeat").classify(tmp_path / "a.wav").scores == tiled.scores


@pytest.mark.parametrize("hop", [None, 0.2])
def test_the_end_of_a_recording_is_heard(tmp_path, hop):
    wave = np.concatenate([tones("low", seconds=1.0), tones("high", seconds=0.2)], axis=1)
    soundfile.write(tmp_path / "a.wav", wave.T, RATE, subtype="FLOAT")
    answer = TOY.classify(tmp_path / "a.wav", None, TimelineConfig(hop=hop))
    alone = TOY.classify(wave[:, -FRONTEND.samples :], RATE)
    last = answer.steps[-1]
    assert last.end == pytest.approx(1.2)
    if hop is None:
        assert (last.start, last.posterior.tolist()) == (1.0, list(alone.scores.values()))
        each = [TOY.classify(part, RATE).scores for part in windows(wave, 4000, 4000)[0]]
        for label, score in answer.scores.items():
            parts = [scores[label] for scores in each]
            assert score == pytest.approx(np.average(parts, weights=[0.5, 0.5, 0.2]))


def test_of_a_clip_that_an_encoder_made_longer_all_is_heard_in_one_window():
    wave = tones("low", seconds=0.51)
    answer = TOY.classify(wave, RATE)
    assert answer.scores == TOY.classify(wave[:, : FRONTEND.samples], RATE).scores
    assert answer.duration == 0.51


@pytest.mark.parametrize("channels", [2, 6, 8])
@pytest.mark.parametrize("rate", [RATE, 11025])
def test_channels_without_a_signal_do_not_vote(channels, rate):
    sound = tones("high", "low", seconds=0.8, rate=rate)
    wave = np.zeros((channels, sound.shape[1]), np.float32)
    wave[channels // 2] = sound
    wave[0] = np.random.default_rng(0).integers(-1, 2, sound.shape[1]) / 2**15  # dithered zeros
    alone, answer = TOY.classify(sound, rate), TOY.classify(wave, rate)
    assert list(answer.scores.values()) == pytest.approx(list(alone.scores.values()), abs=1e-6)
    silent = tuple(number for number in range(1, channels + 1) if number != 1 + channels // 2)
    assert answer.signal == Signal(rate, channels, silent, 0.0)
    assert alone.signal == Signal(rate, 1, (), 0.0)


def test_a_channel_that_falls_silent_is_heard_until_then():
    wave = np.concatenate([tones("low", "high"), tones("high", "high")])
    wave[1, FRONTEND.samples :] = 0
    answer = TOY.classify(wave, RATE)
    second = TOY.classify(wave[:1, FRONTEND.samples :], RATE)
    assert answer.steps[1].posterior.tolist() == list(second.scores.values())
    assert answer.signal == Signal(RATE, 2, (), 0.0)


@pytest.mark.parametrize(("hop", "silent"), [(None, 1.5), (0.1, 1.6)])
def test_the_length_of_silence_is_told(hop, silent):
    wave = np.concatenate([tones("low", seconds=0.9), np.zeros((1, 12800), np.float32)], axis=1)
    signal = TOY.classify(wave, RATE, TimelineConfig(hop=hop)).signal
    assert signal.silent_seconds == pytest.approx(silent)
    nothing = TOY.classify(np.zeros((2, 1000), np.float32), RATE).signal
    assert nothing == Signal(RATE, 2, (1, 2), 0.125)


def test_overlapping_windows_find_a_change_inside_a_window():
    wave = tones("low", "high", seconds=0.75)  # changes in the middle of the second window
    config = TimelineConfig(hop=0.05, merge=0.2)
    first, second = TOY.classify(wave, RATE, config).segments
    assert (first.label, second.label) == ("low", "high")
    assert first.end == pytest.approx(0.75, abs=0.1)
    assert (first.start, second.end) == (0, 1.5)


def test_a_stream_holds_no_more_than_two_windows():
    stream = SceneStream(TOY, RATE, TimelineConfig(hop=0.25))
    for _ in range(50):
        stream.feed(tones("low", seconds=0.3))
        held = sum(chunk.shape[1] for chunk in stream._windower._chunks)
        assert held < 2 * FRONTEND.samples
    assert stream.seconds == pytest.approx(15)


def test_steps_come_while_the_stream_goes_on():
    stream = SceneStream(TOY, RATE, TimelineConfig())
    counts = [len(stream.feed(tones("low", seconds=0.25)).steps) for _ in range(6)]
    assert counts == [0, 1, 0, 1, 0, 1]


def test_a_hop_longer_than_the_window_is_refused():
    with pytest.raises(UsageError, match=r"a hop of 0\.6 s would leave gaps.* 0\.5 s"):
        TOY.classify(WAVE, RATE, TimelineConfig(hop=0.6))


def test_a_stream_without_samples_is_an_error():
    with pytest.raises(AudioError, match="too short"):
        SceneStream(TOY, 44100, TimelineConfig()).finish()


def test_progress_goes_up_to_the_end(tmp_path):
    soundfile.write(tmp_path / "a.wav", np.tile(WAVE, 6).T, 11025)
    shares = []
    TOY.classify(tmp_path / "a.wav", on_progress=shares.append)
    assert shares == sorted(shares)
    assert len(shares) > 1
    assert shares[-1] == pytest.approx(1, abs=0.01)


def test_the_temperature_makes_probabilities_less_or_more_certain():
    wave = tones("high")
    sure, plain, unsure = (
        toy_classifier(t).classify(wave, RATE).probability for t in (0.5, 1.0, 2.0)
    )
    assert sure > plain > unsure
