"""Folds as published: used as they are, and what stands in two of them is a warning."""

from dataclasses import replace

import pytest
import trees
from test_recipes import TREES

from asc_nas.data.manifest import Manifest
from data_prep.checks import check
from data_prep.datasets import READERS, read_dataset
from data_prep.splits import SplitConfig, assign_roles
from data_prep.synthetic import Plan, generate


def esc10(folder):
    for number, name in enumerate(("Dog bark", "Rain"), 1):
        place = folder / f"{number:03d} - {name}"
        place.mkdir()
        for fold in range(1, 6):
            (place / f"{fold}-{10 * fold + number}-A.ogg").touch()


def synthetic(folder):
    generate(folder, 0, Plan.tiny(0.5).with_labels("working", "absence"), workers=1)


LAYOUTS = TREES | {"esc10": esc10, "esc50_esc10": trees.esc50, "synthetic": synthetic}
PUBLISHED = [name for name in READERS if READERS[name].info.folds]


@pytest.fixture(autouse=True)
def files_without_audio(monkeypatch):
    """Files that are empty: who reads a table looks at no audio."""

    def touch(folder, rows, *_):
        for row in rows:
            (folder / row.path).parent.mkdir(parents=True, exist_ok=True)
            (folder / row.path).touch()

    monkeypatch.setattr(trees, "write_audio", touch)


def joined(manifest):
    """Put one clip of two folds, of two classes, into one group, and all others into their own."""
    first = next(clip for clip in manifest.clips if clip.fold)
    other = next(
        clip
        for clip in manifest.clips
        if clip.fold not in ("", first.fold) and clip.label != first.label
    )
    clips = [
        replace(clip, group="both" if clip in (first, other) else clip.path)
        for clip in manifest.clips
    ]
    return manifest.with_clips(clips), first, other


@pytest.mark.parametrize("name", PUBLISHED)
def test_a_source_in_two_published_folds_is_a_warning_and_no_obstacle(name, tmp_path):
    LAYOUTS[name](tmp_path)
    manifest, first, other = joined(read_dataset(name, tmp_path))
    manifest.write(tmp_path / "m.parquet")
    manifest = Manifest.read(tmp_path / "m.parquet")
    report = check(manifest, decode=False)
    assert [(f.severity, f.group) for f in report.of("leak")] == [("warning", "both")]
    tested = "test" if "test" in (first.fold, other.fold) else other.fold
    split = assign_roles(manifest, SplitConfig(test_folds=(tested,)), 0)
    assert {clip.fold for clip in split.with_role("test")} == {tested}


def test_the_folds_of_a_list_of_ones_own_stay_apart():
    assert not any(READERS[name].info.folds for name in ("folders", "csv"))


def test_esc50_as_published_is_divided_by_its_folds(tmp_path):
    """Four sources stand in two folds each (131943, 134049, 209698, 234879)."""
    twice = {"2002": "131943", "3004": "131943", "2006": "134049", "3008": "134049",
             "4010": "209698", "5012": "209698", "4014": "234879", "5016": "234879"}  # fmt: skip
    trees.esc50(tmp_path)
    table = tmp_path / "meta" / "esc50.csv"
    text = table.read_text()
    for source, published in twice.items():
        text = text.replace(f"-{source}-", f"-{published}-").replace(
            f",{source},", f",{published},"
        )
    table.write_text(text)
    manifest = read_dataset("esc50", tmp_path)
    for fold in "12345":
        split = assign_roles(manifest, SplitConfig(test_folds=(fold,)), 0)
        assert all((clip.role == "test") == (clip.fold == fold) for clip in split.clips)
    leaks = check(split, decode=False).of("leak")
    assert {finding.severity for finding in leaks} == {"warning"}
    named = [finding.group for finding in leaks if "2 folds" in finding.message]
    assert sorted(named) == ["131943", "134049", "209698", "234879"]
