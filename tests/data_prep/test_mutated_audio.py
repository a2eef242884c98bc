"""Damaged audio files through check and extraction: all bad ones listed, nothing else happens.

Sound is written in every format, and then cut off, flipped, relabelled or made to lie about its
size, seeded by the file's number. Which files are bad is decided here, from what was done to them
and from libsndfile alone: the code under test is not asked.
"""

import random
import subprocess
import sys

import numpy as np
import pytest
import soundfile
from mutations import COUNTS, cut_near_the_end, huge_claim, truncated, zero_frames
from tiny import PATIENCE

from asc_nas.audio.logmel import FrontEnd
from asc_nas.data.manifest import Clip, Manifest
from data_prep.checks import check
from data_prep.extraction import extract

RATE = 16000
SECONDS = 2.0
TOLERANCE = 0.1  # seconds; encoders pad and trim
FRONT_END = FrontEnd(
    sample_rate=8000, n_mels=8, win_length=512, hop_length=512, n_fft=512, seconds=1.0
)
SOUNDS = {
    "pcm16.wav": ("PCM_16", 1),
    "pcm24.wav": ("PCM_24", 2),
    "float.wav": ("FLOAT", 1),
    "pcm16.flac": ("PCM_16", 1),
    "pcm24.flac": ("PCM_24", 2),
    "vorbis.ogg": ("VORBIS", 1),
    "layer3.mp3": ("MPEG_LAYER_III", 1),
}
AUDIO_CHECKS = ("missing", "unreadable", "truncated", "empty", "nan", "scale", "channels")


def sound(channels):
    """Return a chord in noise whose loudness changes."""
    rng = np.random.default_rng(channels)
    t = np.arange(round(SECONDS * RATE))[:, None] / RATE
    chord = sum(np.sin(2 * np.pi * f * t) for f in (220, 331, 1770)) / 6
    noise = rng.normal(0, 0.05, (len(t), channels))
    return (0.6 + 0.3 * np.sin(2 * np.pi * 3 * t)) * (chord + noise)


def decoded(path):
    """Return (seconds that libsndfile decodes, seconds that it announces); (0, 0) if it fails."""
    try:
        with soundfile.SoundFile(path) as audio:
            frames = sum(len(block) for block in audio.blocks(1 << 18, always_2d=True))
            return frames / audio.samplerate, audio.frames / audio.samplerate
    except (soundfile.LibsndfileError, RuntimeError):
        return 0.0, 0.0


def is_bad(path, mutation):
    if mutation in (zero_frames, huge_claim):
        return True
    there, announced = decoded(path)
    if not there or there < announced - TOLERANCE:
        return True
    return mutation in (truncated, cut_near_the_end) and there < SECONDS - TOLERANCE


@pytest.fixture(scope="module")
def files(tmp_path_factory):
    """Give the manifest, the keys of untouched files, and those of the bad ones."""
    folder = tmp_path_factory.mktemp("mutated")
    clips, good, bad = [], set(), set()
    for name, (subtype, channels) in SOUNDS.items():
        suffix = name.rpartition(".")[2]
        soundfile.write(folder / name, sound(channels), RATE, subtype=subtype)
        clips.append(Clip(name, "scene", channels=channels))
        good.add(name)
        content = (folder / name).read_bytes()
        for mutation, count in COUNTS.items():
            for number in range(count):
                rng = random.Random(f"{name} {mutation.__name__} {number}")
                mutated = f"{mutation.__name__}-{number}-{name}"
                (folder / mutated).write_bytes(mutation(content, rng, suffix))
                clips.append(Clip(mutated, "scene", channels=channels))
                if is_bad(folder / mutated, mutation):
                    bad.add(mutated)
    (folder / "nothing.wav").touch()
    clips.append(Clip("nothing.wav", "scene"))
    return Manifest("mutated", folder, ("scene",), tuple(clips)), good, bad | {"nothing.wav"}


@pytest.fixture(scope="module")
def report(files):
    return check(files[0], workers=2, timeout=PATIENCE)


@pytest.fixture(scope="module")
def store(files, tmp_path_factory):
    folder = tmp_path_factory.mktemp("features") / "store"
    return extract(files[0], FRONT_END, folder, workers=2, skip_unreadable=True)


def test_there_are_at_least_two_hundred_mutated_files_of_which_many_are_bad(files):
    manifest, good, bad = files
    assert len(manifest.clips) - len(good) >= 200
    assert len(bad) >= 100
    for suffix in ("wav", "flac", "ogg", "mp3"):
        assert len([key for key in bad if key.endswith(suffix)]) >= 9


def test_the_check_lists_every_bad_file_and_no_good_one(files, report):
    _, good, bad = files
    assert bad - set(report.bad_clips) == set()
    assert good & set(report.bad_clips) == set()


def test_extraction_lists_every_bad_file_and_does_the_rest(files, store):
    manifest, good, bad = files
    assert bad - set(store.failed) == set()
    assert good <= set(store.keys)
    assert len(store.keys) + len(store.failed) == len(manifest.clips)
    for key in store.keys:
        assert np.isfinite(store.features[store.rows(key)]).all(), key


def test_check_and_extraction_agree(report, store):
    checked = {f.clip for f in report.findings if f.check in AUDIO_CHECKS and f.severity == "error"}
    assert checked == set(store.failed)


def test_every_reason_is_one_sentence_that_names_the_file(report, store):
    for finding in report.findings:
        if finding.clip:
            assert finding.clip in finding.message
            assert "\n" not in finding.message
            assert "unexpected" not in finding.message
    for key, reason in store.failed.items():
        assert key in reason
        assert "\n" not in reason
        assert "unexpected" not in reason


def test_the_command_shows_no_traceback(files, tmp_path):
    manifest = tmp_path / "m.parquet"
    files[0].write(manifest)
    done = subprocess.run(
        [sys.executable, "-m", "asc_nas.cli.main", "data", "check", str(manifest)],
        capture_output=True,
        text=True,
        timeout=PATIENCE,
        check=False,
    )
    assert done.returncode == 1
    assert "Traceback" not in done.stdout + done.stderr
    strange = [line for line in done.stderr.splitlines() if not line.startswith("Check: ")]
    assert strange == []  # nor what the decoders say by themselves
    assert f"mutated: {len(files[0].clips)} clips" in done.stdout
