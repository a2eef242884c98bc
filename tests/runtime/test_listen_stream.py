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


@pytest.mark.parametrize("piece", [1, 10**6])
@pytest.mark.parametrize(
    ("kind", "name"),
    [
        *((kind, kind) for kind in ("WAV", "RF64", "W64", "AU", "CAF", "AIFF", "FLAC", "VOC")),
        ("OGG", "Ogg"),
        ("MP3", "MP3"),
    ],
)
def test_an_audio_file_is_not_taken_for_pcm(tmp_path, kind, name, piece):
    rate = 16000 if kind == "MP3" else RATE
    soundfile.write(tmp_path / "a", np.tile(WAVE[0], 2), rate, format=kind)
    expected = rf"this is {name}, not raw PCM: classify the file with 'asc-nas classify FILE'.*-ar"
    with pytest.raises(UsageError, match=expected):
        decoded((tmp_path / "a").read_bytes(), "s16le", 1, piece)


@pytest.mark.parametrize(
    ("head", "name"),
    [
        (b"\0\0\0\x20ftypM4A \0\0\2\0", "M4A or MP4, not raw PCM: decode it, as with ffmpeg"),
        (b"\x1aE\xdf\xa3\x9fB\x86\x81\1", "WebM or Matroska"),
        (b"0&\xb2u\x8ef\xcf\x11\xa6\xd9", "WMA"),
        *((b"ID3" + bytes([version, 0]), "MP3") for version in (2, 3, 4)),
        (b"\xff\xf1\x50\x80\x01\x1f\xfc\0" * 500, "AAC"),
        (b"".join(b"G" + bytes(187) for _ in range(5)), "an MPEG stream"),
        (b"\x1f\x8b\x08\0", "a packed file, not raw PCM: check what is piped"),
        (b"<!DOCTYPE html>\n<title>404 Not Found</title>" * 5, "text"),
    ],
)
def test_what_no_audio_library_reads_is_not_taken_for_pcm(head, name):
    content = head if len(head) > 100 else head + bytes(100)
    with pytest.raises(UsageError, match=f"this is {name}"):
        decoded(content, "f32le", 2)


@pytest.mark.parametrize("first", [b"\xff\xfb\x90\x64", b"\xff\xf1\x50\x80", b"G", b"\xff\xff"])
def test_pcm_that_begins_as_a_frame_does_is_heard(first):
    data = first + np.random.default_rng(0).bytes(20_000 - len(first))
    assert decoded(data, "s16le", 1)[0].shape == (1, 10_000)


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
    np.testing.assert_allclose(windows, [(0, 0.5), (0.4, 0.9), (3.4, 3.9), (3.5, 4)])
    ends = [(segment.start, segment.end) for segment in segments]
    np.testing.assert_allclose(ends, [(0, 0.9), (3.4, 4)])
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


@pytest.mark.parametrize("step", [0, 2**-15])
def test_digital_silence_is_named_once_and_heard(step):
    said = []
    guard = Guard(RATE, said.append)
    for seed in range(30):
        dither = np.random.default_rng(seed).integers(-1, 2, (1, RATE))
        guard.clean((step * dither).astype(np.float32))
    assert len(said) == 1
    assert "nothing but zeros for 5 s" in said[0]


def test_channels_that_never_had_a_signal_are_named_at_the_end():
    said = []
    guard = Guard(RATE, said.append)
    for loud in ([0], [0], [0, 3], []):
        wave = np.zeros((4, RATE), np.float32)
        wave[loud] = WAVE[:1, :RATE]
        wave[2] = 0.25
        guard.clean(wave)
    guard.close()
    assert said == ["channels without a signal were not heard: 2, 3."]


def test_pauses_are_not_digital_silence():
    said = []
    guard = Guard(RATE, said.append)
    for _ in range(5):
        guard.clean(np.zeros((1, 4 * RATE), np.float32))
        guard.clean(WAVE)
    assert not said
