"""Every recipe on a generated tree of its published layout, whole and broken."""

import json
import re
from collections.abc import Callable
from pathlib import Path

import pytest
import soundfile
import trees
from typer.testing import CliRunner

from asc_nas.cli.commands.data import app
from asc_nas.data.manifest import Manifest
from data_prep.datasets import READERS, read_dataset
from data_prep.datasets.dcase2018_task5 import KNOWN_NODES

TREES: dict[str, Callable[[Path], list[trees.Row]]] = {
    "dcase2018_task5": trees.task5,
    "dcase2018_task5_evaluation": trees.task5_evaluation,
    "tau_urban_2020_mobile": trees.tau_2020,
    "tau_urban_2022_mobile": trees.tau_2022,
    "tau_urban_2019": trees.tau_2019,
    "tut_urban_2018": trees.tut_2018,
    "tut_2016": trees.tut_2016,
    "tut_2017": trees.tut_2017,
    "dcase2013_scenes": trees.dcase2013,
    "esc50": trees.esc50,
    "urbansound8k": trees.urbansound8k,
    "spoken_digits": trees.spoken_digits,
}
GOLDEN = Path(__file__).resolve().parents[1] / "golden" / "dcase_util_lists.json"


@pytest.fixture(scope="module")
def made(tmp_path_factory: pytest.TempPathFactory) -> Callable[[str], tuple[Path, list[trees.Row]]]:
    """Return a function from a dataset to its tree, written once, and what should be read."""
    done: dict[str, tuple[Path, list[trees.Row]]] = {}

    def make(name: str) -> tuple[Path, list[trees.Row]]:
        if name not in done:
            folder = tmp_path_factory.mktemp(name)
            done[name] = folder, TREES[name](folder)
        return done[name]

    return make


def found_in(manifest: Manifest) -> list[trees.Row]:
    return [
        trees.Row(c.path, c.label, c.fold, c.group, c.device, c.channels) for c in manifest.clips
    ]


@pytest.mark.parametrize("name", TREES)
def test_a_tree_gives_its_clips_labels_folds_groups_devices_and_channels(name, made):
    folder, expected = made(name)
    manifest = read_dataset(name, folder)
    if name == "dcase2013_scenes":  # has no table, so that the order is that of the names
        expected = sorted(expected)
    assert found_in(manifest) == expected
    assert set(manifest.labels) == {row.label for row in expected}
    assert len(manifest.labels) == READERS[name].info.classes
    assert manifest.licence == READERS[name].info.licence


@pytest.mark.parametrize("name", TREES)
def test_the_audio_lies_where_the_manifest_says_with_as_many_channels(name, made):
    manifest = read_dataset(name, made(name)[0])
    for clip in manifest.clips[::7]:
        assert soundfile.info(manifest.audio_path(clip)).channels == clip.channels


def test_labels_are_sorted_where_the_set_does_not_number_them(made):
    assert read_dataset("tau_urban_2020_mobile", made("tau_urban_2020_mobile")[0]).labels == (
        trees.SCENES
    )


def test_labels_of_esc50_and_urbansound8k_follow_their_numbers(made):
    labels = read_dataset("esc50", made("esc50")[0]).labels
    assert labels == tuple(f"class_{7 * target % 50}" for target in range(50))
    assert read_dataset("urbansound8k", made("urbansound8k")[0]).labels[:2] == (
        "air_conditioner",
        "car_horn",
    )


def test_esc10_of_esc50_is_the_marked_rows(made):
    folder, expected = made("esc50")
    manifest = read_dataset("esc50_esc10", folder)
    marked = [row for row in expected if int(row.path.split("-")[-1][:-4]) % 5 == 0]
    assert found_in(manifest) == marked
    assert manifest.labels == tuple(f"class_{7 * target % 50}" for target in range(0, 50, 5))
    assert manifest.licence == "CC BY 3.0"


def test_spoken_digits_are_read_without_the_repositorys_folder_too(made):
    folder, expected = made("spoken_digits")
    found = found_in(read_dataset("spoken_digits", folder / "recordings"))
    assert found == [row._replace(path=row.path.removeprefix("recordings/")) for row in expected]


def test_dcase2013_without_lists_has_no_folds(tmp_path):
    expected = trees.dcase2013(tmp_path, lists=False)
    assert found_in(read_dataset("dcase2013_scenes", tmp_path)) == sorted(expected)


def test_evaluation_nodes_beyond_the_four_known_ones_keep_their_names(made):
    manifest = read_dataset("dcase2018_task5_evaluation", made("dcase2018_task5_evaluation")[0])
    devices = {clip.device for clip in manifest.clips}
    assert devices - set(KNOWN_NODES) == {"DevNode5", "DevNode6", "DevNode7"}


def test_evaluation_labels_come_from_the_evaluation_list_where_meta_is_absent(tmp_path):
    expected = trees.task5_evaluation(tmp_path)
    (tmp_path / "meta.txt").unlink()
    assert found_in(read_dataset("dcase2018_task5_evaluation", tmp_path)) == expected


@pytest.mark.parametrize("name", ["dcase2018_task5", "tau_urban_2020_mobile"])
def test_the_lists_of_each_fold_are_those_that_dcase_util_reads(name, made):
    golden = json.loads(GOLDEN.read_text())[name]
    devices_told = golden.pop("meta")["group and device"]
    clips = read_dataset(name, made(name)[0]).clips
    assert sorted(golden) == (["1"] if "tau" in name else ["1", "2", "3", "4"])
    for fold, lists in golden.items():
        tested = [c for c in clips if c.fold == ("test" if "tau" in name else fold)]
        trained = [c for c in clips if (c.fold == "train" if "tau" in name else c.fold != fold)]
        assert sorted([c.path, c.label] for c in trained) == lists["train"]
        assert sorted(c.path for c in tested) == lists["test"]
        assert sorted([c.path, c.label] for c in tested) == lists["evaluate"]
    ours = sorted([c.path, c.group, c.device if "tau" in name else None] for c in clips)
    assert ours == devices_told


def test_the_list_shows_size_licence_classes_and_folds():
    shown = CliRunner().invoke(app, ["list"]).output.splitlines()
    line = next(line for line in shown if line.startswith("dcase2018_task5 "))
    facts = ("DCASE 2018 Task 5, development", "45.8 GB", "72,984", "9", "4", "free non-commercial")
    assert re.search(".*".join(facts), line)
    line = next(line for line in shown if line.startswith("folders "))
    assert re.search(r"one folder per class.* - +- +- +- +yours", line)


def test_every_dataset_has_a_title_and_a_licence_and_the_published_ones_their_size():
    for name in READERS:
        info = READERS[name].info
        assert info.title
        assert info.licence
        assert bool(info.packages) == (info.download_bytes > 0)
    assert READERS["dcase2018_task5"].info.download_bytes == 45_801_046_900
