"""Checks of every clip's audio."""

import numpy as np
import pytest
import soundfile
from recordings import RATE, Recordings, found, noise

from asc_nas.data.manifest import Clip
from data_prep.checks.scan import BLOCK, Scan, ScanTask, scan_clip


@pytest.fixture
def recordings(tmp_path):
    return Recordings(tmp_path)


def test_good_recordings_have_no_findings(recordings):
    report = recordings.check()
    assert report.findings == []
    assert report.clips == 8
    assert report.bad_clips == []


def test_a_missing_file(recordings):
    (recordings.folder / "3.wav").unlink()
    assert found(recordings.check()) == [("missing", "error", "3.wav")]


@pytest.mark.parametrize("content", [b"this is no audio at all", b"RIFF\0\0\0\0WAVEfmt "])
def test_an_unreadable_file(recordings, content):
    (recordings.folder / "3.wav").write_bytes(content)
    assert found(recordings.check()) == [("unreadable", "error", "3.wav")]


@pytest.mark.parametrize("suffix", ["wav", "flac", "ogg", "mp3"])
def test_a_truncated_file(recordings, suffix):
    name = f"long.{suffix}"
    wave = noise(9, 3 * RATE)
    soundfile.write(recordings.folder / name, wave, RATE)
    recordings.clips.append(Clip(name, "a", group="long"))
    assert recordings.check().findings == []
    content = (recordings.folder / name).read_bytes()
    (recordings.folder / name).write_bytes(content[: len(content) // 2])
    (finding,) = recordings.check().findings
    assert finding.check in ("truncated", "unreadable", "empty")
    assert finding.severity == "error"
    assert finding.clip == name
    assert name in finding.message


def test_an_empty_file_and_one_of_zero_length(recordings):
    (recordings.folder / "3.wav").write_bytes(b"")
    soundfile.write(recordings.folder / "4.wav", np.zeros((0, 1)), RATE)
    assert found(recordings.check()) == [("empty", "error", "3.wav"), ("empty", "error", "4.wav")]


def test_a_part_outside_its_file(recordings):
    recordings.change("3.wav", start=9.0)
    (finding,) = recordings.check().findings
    assert (finding.check, finding.severity, finding.clip) == ("empty", "error", "3.wav@9")
    assert "0.25 s" in finding.message


def test_less_audio_than_the_manifest_says(recordings):
    recordings.change("3.wav", duration=0.5)
    assert found(recordings.check()) == [("short", "warning", "3.wav")]


@pytest.mark.parametrize("value", [np.nan, np.inf])
def test_nan_and_infinity(recordings, value):
    wave = noise(9)
    wave[77] = value
    recordings.add("bad.wav", wave, subtype="FLOAT")
    assert found(recordings.check()) == [("nan", "error", "bad.wav")]


@pytest.mark.parametrize("level", [0, 0.5e-4])
def test_silence_below_minus_80_dbfs(recordings, level):
    recordings.add("quiet.wav", 2 * level * noise(9), subtype="FLOAT")
    recordings.add("quiet2.wav", 2 * level * noise(9), subtype="FLOAT")  # is no duplicate as well
    assert found(recordings.check()) == [
        ("silent", "error", "quiet.wav"),
        ("silent", "error", "quiet2.wav"),
    ]


def test_a_quiet_recording_and_one_with_some_digital_silence_are_fine(recordings):
    recordings.add("quiet.wav", 4e-4 * noise(9), subtype="FLOAT")
    recordings.add("half.wav", np.concatenate([noise(10), np.zeros((RATE, 1))]))
    assert recordings.check().findings == []


@pytest.mark.parametrize("subtype", ["PCM_16", "PCM_24", "PCM_U8", "FLOAT"])
def test_clipping_is_a_warning(recordings, subtype):
    recordings.add("loud.wav", np.clip(2.1 * noise(9), -1, 1), subtype=subtype)
    assert found(recordings.check()) == [("clipped", "warning", "loud.wav")]


@pytest.mark.parametrize(("peak", "severity"), [(32768, "warning"), (1e9, "error")])
def test_samples_far_beyond_full_scale(recordings, peak, severity):
    recordings.add("scaled.wav", peak * noise(9), subtype="FLOAT")
    assert found(recordings.check()) == [("scale", severity, "scaled.wav")]


def test_a_single_sample_at_full_scale_is_not_clipping(recordings):
    wave = noise(9)
    wave[77] = 1
    recordings.add("peak.wav", wave)
    assert recordings.check().findings == []


def test_a_wrong_number_of_channels(recordings):
    recordings.add("two.wav", noise(9, channels=2))
    (finding,) = recordings.check().findings
    assert (finding.check, finding.severity, finding.clip) == ("channels", "error", "two.wav")
    assert "has 2 channels where the manifest says 1" in finding.message


def test_the_rarer_rate_is_a_warning(recordings):
    recordings.add("other.wav", noise(9), rate=16000)
    (finding,) = recordings.check().findings
    assert (finding.check, finding.severity, finding.clip) == ("rate", "warning", "other.wav")
    assert "16000 Hz where most are at 8000 Hz" in finding.message


def test_a_duplicate_within_a_fold_is_a_warning_whatever_its_container(recordings):
    samples, _ = soundfile.read(recordings.folder / "0.wav", dtype="int16")
    soundfile.write(recordings.folder / "copy.flac", samples, RATE)
    recordings.clips.append(Clip("copy.flac", "a", group="g0"))
    report = recordings.check()
    assert found(report) == [("duplicate", "warning", "copy.flac")]
    assert "0.wav" in report.findings[0].message


@pytest.mark.parametrize("side", ["fold", "role"])
def test_a_duplicate_across_folds_or_roles_is_an_error_and_comes_first(recordings, side):
    recordings.add("same.wav", noise(2), **{side: "train"})
    recordings.add("copy.wav", noise(0), **{side: "test"})
    recordings.change("0.wav", **{side: "train"})
    recordings.change("2.wav", **{side: "train"})
    report = recordings.check()
    assert found(report) == [
        ("duplicate", "error", "copy.wav"),
        ("duplicate", "warning", "same.wav"),
    ]
    assert f"in the {side} 'test' and in 'train'" in report.findings[0].message
    assert report.bad_clips == ["copy.wav"]


def test_the_same_audio_under_two_labels_is_an_error_of_both(recordings):
    recordings.add("copy.wav", noise(0), label="b")
    report = recordings.check()
    assert found(report) == [("duplicate", "error", "0.wav"), ("duplicate", "error", "copy.wav")]
    assert report.bad_clips == ["0.wav", "copy.wav"]


def test_parts_of_one_file_are_no_duplicates(recordings):
    recordings.add("long.wav", noise(9, RATE))
    recordings.change("long.wav", duration=0.5)
    recordings.clips.append(Clip("long.wav", "a", group="long", start=0.5, duration=0.5))
    assert recordings.check().findings == []


def test_a_long_recording_is_decoded_block_by_block(recordings, monkeypatch):
    wave = noise(9, 3 * BLOCK + 17)
    recordings.add("long.wav", wave, subtype="DOUBLE")
    sizes = []
    original = soundfile.SoundFile.read

    def read(audio, frames=-1, *arguments, **options):
        sizes.append(frames)
        return original(audio, frames, *arguments, **options)

    monkeypatch.setattr(soundfile.SoundFile, "read", read)
    scan = scan_clip(ScanTask(0, recordings.folder / "long.wav", 0, 0))
    assert isinstance(scan, Scan)
    assert sizes == [BLOCK, BLOCK, BLOCK, 17]
    assert scan.seconds == pytest.approx(len(wave) / RATE)
    assert scan.peak == pytest.approx(np.abs(wave).max(), rel=1e-6)
