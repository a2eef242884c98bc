"""Long recordings of one's own: parts, what is left over, and blocks of time."""

from collections import Counter
from itertools import pairwise
from pathlib import Path

import numpy as np
import pytest
import soundfile

from asc_nas.data.manifest import ROLES, Clip, Manifest
from data_prep.own_data import cut_long, in_blocks, look
from data_prep.own_data.settings import example_seconds
from data_prep.splits import SplitConfig, assign_roles

RATE = 8000


def write(path, seconds):
    path.parent.mkdir(parents=True, exist_ok=True)
    wave = np.random.default_rng(0).uniform(-0.5, 0.5, int(seconds * RATE))
    soundfile.write(path, wave, RATE)


def test_no_clip_is_made_of_what_is_left_over(tmp_path):
    """Recordings of 0.7 to 0.9 s among clips of 0.45 s: 0.25 to 0.45 s are left over."""
    for label in ("bus", "park"):
        for number in range(8):
            write(tmp_path / label / f"{number}.wav", 0.45)
        for seconds in (0.7, 0.8, 0.88, 0.9):
            write(tmp_path / label / f"long {seconds}.wav", seconds)
    found = look(tmp_path)
    clips = cut_long(found, example_seconds(found.lengths)).clips
    parts = Counter(clip.path for clip in clips if "long" in clip.path)
    assert parts == {
        f"{label}/long {seconds}.wav": 1 + (seconds == 0.9)
        for label in ("bus", "park")
        for seconds in (0.7, 0.8, 0.88, 0.9)
    }
    lengths = [c.duration or found.infos[c.path].seconds for c in clips]
    assert min(lengths) == pytest.approx(0.45)


def test_a_part_that_lacks_what_an_encoder_cut_is_a_clip_of_its_true_length(tmp_path):
    write(tmp_path / "bus" / "1.wav", 9.95)
    write(tmp_path / "park" / "1.wav", 9.5)
    clips = cut_long(look(tmp_path), 5.0).clips
    assert [(c.label, c.duration) for c in clips] == [("bus", 5), ("bus", 4.95), ("park", 0)]


def parts_of(label, number, minutes, group):
    name = f"{label}{number}"
    starts = np.arange(0, 60 * minutes, 5.0).tolist()
    return [Clip(f"{name}.wav", label, group=group, start=s, duration=5.0) for s in starts]


@pytest.mark.parametrize(("recordings", "minutes"), [(2, 10), (1, 10), (2, 1)])
def test_few_long_recordings_are_cut_into_blocks_of_time_with_a_gap(recordings, minutes):
    hums = [c for n in range(recordings) for c in parts_of("hum", n, minutes, f"hum{n}")]
    streets = [c for n in range(9) for c in parts_of("street", n, 1, f"street{n}")]
    manifest = Manifest("own", Path(), ("hum", "street"), (*hums, *streets))
    cut, labels = in_blocks(manifest)
    assert labels == ("hum",)
    assert [clip for clip in cut.clips if clip.label == "street"] == streets
    kept = [clip for clip in cut.clips if clip.label == "hum"]
    assert len({clip.group for clip in kept}) == 8
    assert len(kept) >= 0.5 * len(hums)
    for before, after in pairwise(kept):
        if before.path == after.path and before.group != after.group:
            gap = after.start - before.start - before.duration
            assert gap == (10 if minutes > 1 else 5)
    split = assign_roles(cut, SplitConfig(search_val_fraction=0.25), 0)
    assert {clip.role for clip in split.clips if clip.label == "hum"} == set(ROLES)


def test_recordings_that_somebody_joined_are_not_cut_into_blocks():
    clips = [
        clip
        for label in "ab"
        for n in range(4)
        for clip in parts_of(label, n, 2, f"{label}{n % 2}")
    ]
    manifest = Manifest("own", Path(), ("a", "b"), tuple(clips))
    assert in_blocks(manifest) == (manifest, ())
