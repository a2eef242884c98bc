import io

import numpy as np
import pytest
import soundfile
from toy_classifier import RATE, tones, toy_classifier

from asc_nas.audio.io import audio_blocks
from asc_nas.core.errors import UsageError
from asc_nas.runtime.listen import Gap, Guard, Listener
from asc_nas.runtime.pcm import read_pcm
from asc_nas.runtime.timeline import TimelineConfig

TOY, DEFAULT = toy_classifier(), TimelineConfig()
WAVE = tones("low", "high", "high", "middle", channels=2)
SUBTYPES = {"s16le": "PCM_16", "s24le": "PCM_24", "s32le": "PCM_32", "f32le": "FLOAT"}


def decoded(data, sample_format, channels, piece=1000):
    """Return (wave, messages) of bytes that come in pieces."""
    pipe, said = io.BytesIO(data), []
    chunks = read_pcm(lambda _: pipe.read(piece), sample_format, channels, said.append)
    return np.concatenate([np.zeros((channels, 0)), *chunks], axis=1), said


def listened(*items, config=DEFAULT):
    """Return (windows, segments, listener) of waves and gaps."""
    listener = Listener(TOY, RATE, config)
    updates = [
        listener.skip(item) if isinstance(item, Gap) else listener.feed(item) for item in items
    ]
    updates.append(listener.finish())
    windows = [(w.start, w.end) for update in updates for w in update.windows]
    return windows, [s for update in updates for s in update.segments], listener


@pytest.mark.parametrize("sample_format", SUBTYPES)
@pytest.mark.parametrize("piece", [1, 7, 10**6])
def test_pcm_in_any_pieces_is_to_the_bit_what_a_file_holds(tmp_path, sample_format, piece):
    noise = np.random.default_rng(0).uniform(-1, 1, (500, 3))
    noise[:2] = [[1], [-1]]
    raw, wav = tmp_path / "a.raw", tmp_path / "a.wav"
    for path, kind in ((raw, "RAW"), (wav, "WAV")):
        soundfile.write(path, noise, RATE, SUBTYPES[sample_format], "LITTLE", kind)
    wave, said = decoded(raw.read_bytes(), sample_format, 3, piece)
    np.testing.assert_array_equal(wave, np.concatenate(list(audio_blocks(wav)), axis=1))
    assert not said


def test_bytes_that_are_no_whole_frame_are_left_out_with_a_word():
    wave, said = decoded(bytes(4 * 5 + 3), "s16le", 2)
    assert wave.shape == (2, 5)
    assert said == ["the input ends inside a frame (3 of 4 bytes); these are left out."]


def test_an_audio_file_is_not_taken_for_pcm():
    with pytest.raises(UsageError, match=r"this is FLAC, not raw PCM.*'asc-nas classify FILE"):
        decoded(b"fLaC" + bytes(100), "s16le", 1)


def test_an_unknown_format_gets_the_closest():
    with pytest.raises(UsageError, match=r"'s16'; choose one of s16le, s24le.*mean 's16le'"):
        read_pcm(lambda _: b"", "s16", 1, print)


def test_without_a_gap_a_listener_answers_what_the_classifier_does():
    config = TimelineConfig(hop=0.2, merge=0.3, min_confidence=0.4)
    windows, segments, listener = listened(WAVE[:, :777], WAVE[:, 777:], config=config)
    assert listener.answer("", segments) == TOY.classify(WAVE, RATE, config)
    assert windows[:2] == [(0, 0.5), (0.2, 0.7)]


def test_no_window_or_segment_spans_a_gap_and_times_count_it():
    first, second = tones("low", seconds=0.9), tones("low", seconds=0.6)
    windows, segments, listener = listened(first, Gap(2.5), second, config=TimelineConfig(merge=0))
    np.testing.assert_allclose(windows, [(0, 0.5), (0.5, 0.9), (3.4, 3.9)])
    ends = [(segment.start, segment.end) for segment in segments]
    np.testing.assert_allclose(ends, [(0, 0.9), (3.4, 3.9)])
    assert (listener.heard, listener.lost) == (pytest.approx(1.5), 2.5)


def test_the_answer_weighs_what_lies_between_gaps_by_its_length():
    long, short = tones("low", seconds=1.5), tones("high", seconds=0.5)
    _, _, listener = listened(long, Gap(1), short)
    found = listener.answer("", []).scores
    each = [TOY.classify(wave, RATE).scores for wave in (long, short)]
    assert found == pytest.approx({k: 0.75 * each[0][k] + 0.25 * each[1][k] for k in found})


def test_gaps_with_nothing_between_them_do_no_harm():
    windows, segments, listener = listened(Gap(1), Gap(1), tones("low"), Gap(1))
    assert windows == [(2, 2.5)]
    assert [segment.label for segment in segments] == ["low"]
    assert (listener.heard, listener.lost) == (0.5, 3)


def test_a_gap_after_less_audio_than_can_be_resampled_is_no_error():
    listener = Listener(TOY, 96000, TimelineConfig())
    listener.feed(np.zeros((1, 1), np.float32))
    assert not listener.skip(Gap(1)).segments
    assert listener.heard == 0


def test_samples_that_are_no_sound_become_silence_and_are_named_once():
    said = []
    guard = Guard(RATE, said.append)
    wave = WAVE.copy()
    wave[0, 80], wave[1, 100], wave[0, 200] = np.nan, -np.inf, 1e30
    clean = guard.clean(wave)
    guard.clean(wave)
    guard.close()
    assert (clean[0, 80], clean[1, 100], clean[0, 200]) == (0, 0, 0)
    assert (clean != wave).sum() == 3
    assert len(said) == 2
    assert "the first at 0.01 s" in said[0]
    assert said[1].startswith("6 unusable samples")


def test_digital_silence_is_named_once_and_heard():
    said = []
    guard = Guard(RATE, said.append)
    for _ in range(30):
        guard.clean(np.zeros((1, RATE), np.float32))
    assert len(said) == 1
    assert "nothing but zeros for 5 s" in said[0]


def test_pauses_are_not_digital_silence():
    said = []
    guard = Guard(RATE, said.append)
    for _ in range(5):
        guard.clean(np.zeros((1, 4 * RATE), np.float32))
        guard.clean(WAVE)
    assert not said
