"""``asc-nas crossval`` on a tiny set: fixed networks in folds, the whole job in one, going on."""

import json
import shutil

import pytest
from tiny import write_config
from typer.testing import CliRunner

from asc_nas.cli.main import app
from asc_nas.core.errors import AscNasError, UsageError
from asc_nas.data.manifest import Manifest
from data_prep.synthetic import Plan, generate

pytestmark = pytest.mark.slow


@pytest.fixture(scope="module")
def recordings(tmp_path_factory):
    folder = tmp_path_factory.mktemp("recordings")
    generate(folder, 0, Plan.tiny(), workers=1)
    return folder


@pytest.fixture(scope="module")
def config(tmp_path_factory, recordings):
    path = tmp_path_factory.mktemp("config") / "tiny.yaml"
    return write_config(
        path, data={"folder": str(recordings), "workers": 1}, retrain={"balanced": "recorder"}
    )


def crossval(*arguments):
    """Run the command and return what it printed."""
    done = CliRunner().invoke(app, ["crossval", *map(str, arguments)], catch_exceptions=False)
    assert done.exit_code == 0, done.output
    return done.output


TWO = ("--network", "baseline", "--fold", 3, "--fold", 1)


@pytest.fixture(scope="module")
def finished(tmp_path_factory, config):
    """Give a finished cross-validation of one fixed network in two folds."""
    folder = tmp_path_factory.mktemp("crossval") / "out"
    return folder, crossval(config, *TWO, "--out", folder)


def trained(folder):
    """Return when each file of each trained network was written."""
    files = folder.glob("fold-*/retrain/*/*")
    return {str(file.relative_to(folder)): file.stat().st_mtime_ns for file in files}


def test_each_fold_is_the_test_set_of_its_own_run_and_of_no_other_training(finished):
    folder, _ = finished
    for fold in ("1", "3"):
        clips = Manifest.read(folder / f"fold-{fold}" / "data" / "manifest.parquet").clips
        assert {clip.fold for clip in clips if clip.role == "test"} == {fold}
        assert {clip.role for clip in clips if clip.fold != fold} == {"train", "search_val"}
    assert sorted(path.name for path in folder.glob("fold-*")) == ["fold-1", "fold-3"]


def test_the_document_has_every_result_and_the_table_their_summary(finished):
    folder, told = finished
    document = json.loads((folder / "crossval.json").read_text())
    assert document["format"] == "asc-nas/crossval/1"
    rows = document["results"]
    assert [(row["network"], row["fold"], row["seed"]) for row in rows] == [
        ("baseline", "1", 0), ("baseline", "3", 0)
    ]  # fmt: skip
    for row in rows:
        run = folder / f"fold-{row['fold']}"
        result = json.loads((run / "retrain" / "baseline" / "result.json").read_text())
        of_row = {key: value for key, value in row.items() if key not in ("fold", "absent")}
        assert {key: result[key] for key in of_row} == of_row
        assert row["absent"] == []
    (entry,) = document["summary"]
    scores = [row["accuracy"] for row in rows]
    assert entry["accuracy"]["mean"] == pytest.approx(sum(scores) / 2)
    (line,) = [line.split() for line in told.splitlines() if line.startswith(" baseline")]
    assert line[-2:] == [f"{score:.3f}" for score in scores]


def test_the_features_are_extracted_once_for_all_folds(finished):
    folder, told = finished
    for fold in (1, 3):
        assert (folder / f"fold-{fold}" / "features").resolve() == (folder / "features").resolve()
    assert told.count("Features: 36/36") == 1


def test_a_second_call_trains_only_what_is_missing(finished, tmp_path):
    folder = shutil.copytree(finished[0], tmp_path / "moved", symlinks=True)
    before, document = trained(folder), (folder / "crossval.json").read_bytes()
    shutil.rmtree(folder / "fold-3" / "retrain")
    crossval(folder, *TWO)
    again = trained(folder)
    assert set(again) == set(before)
    kept = {name for name in before if again[name] == before[name]}
    assert kept == {name for name in before if name.startswith("fold-1/")}
    assert (folder / "crossval.json").read_bytes() == document
    crossval(folder, *TWO)
    assert trained(folder) == again


def test_seeds_of_all_folds_share_the_workers(finished, tmp_path):
    folder = shutil.copytree(finished[0], tmp_path / "out", symlinks=True)
    told = crossval(folder, *TWO, "--seed", 0, "--seed", 1, "--workers", 2)
    assert "Training 4 networks: 4/4" in told
    rows = json.loads((folder / "crossval.json").read_text())["results"]
    assert [(r["fold"], r["seed"]) for r in rows] == [("1", 0), ("1", 1), ("3", 0), ("3", 1)]
    assert (folder / "fold-3" / "retrain" / "baseline-seed1" / "result.json").exists()


def test_the_whole_job_is_done_in_a_fold_and_search_val_picks_its_network(finished, tmp_path):
    folder = shutil.copytree(finished[0], tmp_path / "out", symlinks=True)
    told = crossval(folder, "--fold", 2, "--seed", 5)
    assert "Features" not in told
    run = folder / "fold-2-seed-5"
    card = json.loads((run / "models" / "tiny-best.json").read_text())
    assert card["data"]["test_folds"] == ["2"]
    searched, *baselines = json.loads((folder / "crossval.json").read_text())["results"]
    assert [row["network"] for row in baselines] == ["baseline", "square"]
    assert (searched["network"], searched["fold"], searched["seed"]) == ("searched", "2", 5)
    assert searched["genotype"] == card["genotype"]
    assert searched["macro_f1"] == card["results"]["macro_f1"]
    against = json.loads((folder / "crossval.json").read_text())["differences"]
    assert [(one["network"], one["against"]) for one in against] == [
        ("searched", "baseline"), ("searched", "square")
    ]  # fmt: skip
    for one, baseline in zip(against, baselines, strict=True):
        assert one["accuracy"] == pytest.approx(searched["accuracy"] - baseline["accuracy"])
        assert one["clips"] == searched["test_clips"]
    assert "searched - square" in told
    checked = [json.loads((place / "data" / "check.json").read_text()) for place in (folder, run)]
    assert checked[0] == checked[1]


@pytest.mark.parametrize(
    ("arguments", "said"),
    [
        (("--network", "3"), "is another network in every fold"),
        (("--network", "baselin"), "Did you mean 'baseline'"),
        (("--network", "baseline", "--fold", "7"), r"no fold '7'\. Folds: 1, 2, 3, 4"),
        (("--set", "data.test_folds=[1]"), "choose the folds with --fold"),
        (
            ("--set", "baselines.searched.kernels=[t3]"),
            "'searched' is, or may be, the name of another",
        ),
    ],
)
def test_what_cannot_be_cross_validated_is_told_before_any_work(config, tmp_path, arguments, said):
    with pytest.raises(UsageError, match=said):
        crossval(config, *arguments, "--out", tmp_path / "out")
    assert not (tmp_path / "out" / "features").exists()


def test_a_genotype_that_does_not_fit_is_told_once_before_the_trainings(finished, tmp_path):
    folder = shutil.copytree(finished[0], tmp_path / "out", symlinks=True)
    before = trained(folder)
    with pytest.raises(AscNasError, match="3 blocks") as error:
        crossval(folder, "--network", "t3e2w1 t3e2w1 t3e2w1")
    assert "jobs failed" not in str(error.value)
    assert trained(folder) == before


def test_recordings_without_folds_are_refused(recordings, tmp_path):
    config = write_config(
        tmp_path / "own.yaml",
        data={"dataset": "folders", "folder": str(tmp_path / "own"), "test_folds": []},
    )
    source = next(recordings.rglob("*.flac"))
    for label in ("rain", "street"):
        (tmp_path / "own" / label).mkdir(parents=True)
        shutil.copy(source, tmp_path / "own" / label / f"{label}.wav")
    with pytest.raises(AscNasError, match="own: has no folds"):
        crossval(config, "--out", tmp_path / "out")
