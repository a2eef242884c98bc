"""Published splits of a training list: which clips are left, and what is said of a wrong list."""

import pytest
from trees import SCENES, tau_2022_splits
from typer.testing import CliRunner

from asc_nas.cli.main import app
from asc_nas.core.errors import AscNasError, UsageError
from asc_nas.data.manifest import Manifest
from asc_nas.run.beginning import read_clips
from asc_nas.run.config import DataConfig
from data_prep.datasets import READERS, read_dataset
from data_prep.splits import SplitConfig, assign_roles

NAME = "tau_urban_2022_mobile"
PER_CLASS = {"5": 4, "10": 4, "25": 12, "50": 24, "100": 48}


@pytest.fixture(scope="module")
def tree(tmp_path_factory):
    folder = tmp_path_factory.mktemp("tau")
    return folder, tau_2022_splits(folder)


def paths(manifest, fold):
    return [clip.path for clip in manifest.clips if clip.fold == fold]


@pytest.mark.parametrize("split", READERS[NAME].info.splits)
def test_a_split_leaves_its_training_clips_and_the_whole_test(tree, split):
    folder, rows = tree
    manifest = read_dataset(NAME, folder, split)
    lines = (folder / f"evaluation_setup/split{split}.csv").read_text().splitlines()
    listed = [line.split("\t")[0] for line in lines[1:]]
    assert paths(manifest, "train") == listed
    assert len(listed) == PER_CLASS[split] * len(SCENES)
    assert paths(manifest, "test") == [row.path for row in rows if row.fold == "test"]
    assert {clip.fold for clip in manifest.clips} == {"train", "test"}
    roles = assign_roles(manifest, SplitConfig(), 0)
    trained = {clip.path for role in ("train", "search_val") for clip in roles.with_role(role)}
    assert trained == set(listed)


def test_a_list_may_name_no_labels(tree, tmp_path):
    folder, _ = tree
    full = read_dataset(NAME, folder, "25")
    lines = (folder / "evaluation_setup/split25.csv").read_text().splitlines()
    setup = copy_of(folder, tmp_path) / "evaluation_setup"
    (setup / "split25.csv").write_text("".join(line.split("\t")[0] + "\n" for line in lines))
    assert read_dataset(NAME, tmp_path, "25").clips == full.clips


def test_the_setting_takes_a_number(tree):
    folder, _ = tree
    data = DataConfig.parse({"dataset": NAME, "folder": str(folder), "split": 25}, "data")
    assert data.split == "25"
    assert len(paths(read_clips(data), "train")) == 12 * len(SCENES)


def copy_of(folder, target):
    (target / "evaluation_setup").mkdir()
    for table in ("meta.csv", *(f"evaluation_setup/{p.name}" for p in folder.glob("*/*.csv"))):
        (target / table).write_bytes((folder / table).read_bytes())
    return target


@pytest.mark.parametrize(
    ("content", "said"),
    [
        (None, r"split25\.csv: no such file; get it from https://github\.com/.*/split25\.csv"),
        ("filename\n", "lists no clips"),
        ("filename\naudio/airport-helsinki-1000-0-0-a.wav\n", "line 2: .* is not in the train"),
        ("filename\taudio\naudio/airport-lyon-1000-0-0-a.wav\tbus\n", "line 2: .*'airport'"),
    ],
)
def test_a_wrong_list_is_told_with_its_line(tree, tmp_path, content, said):
    table = copy_of(tree[0], tmp_path) / "evaluation_setup/split25.csv"
    table.unlink() if content is None else table.write_text(content)
    with pytest.raises(AscNasError, match=said):
        read_dataset(NAME, tmp_path, "25")


@pytest.mark.parametrize(
    ("name", "split", "said"),
    [(NAME, "20", "no split '20'; it has 5, 10, 25"), ("folders", "25", "leave it out")],
)
def test_a_split_that_a_dataset_does_not_have_is_an_error(tmp_path, tree, name, split, said):
    for label in ("a", "b"):
        (tmp_path / label).mkdir()
        (tmp_path / label / "x.wav").touch()
    with pytest.raises(UsageError, match=said):
        read_dataset(name, tree[0] if name == NAME else tmp_path, split)


def test_data_prepare_takes_a_split_and_data_list_names_them(tree, tmp_path):
    out = tmp_path / "tau25.parquet"
    call = ["data", "prepare", NAME, str(tree[0]), "--split", "25", "--out", str(out)]
    assert CliRunner().invoke(app, call).exit_code == 0
    assert Manifest.read(out).clips == read_dataset(NAME, tree[0], "25").clips
    listed = CliRunner().invoke(app, ["data", "list"]).output
    assert "5 10 25 50 100" in listed
