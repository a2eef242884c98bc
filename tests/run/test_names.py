"""Names that become files: checked where the config is read, so that none takes another's place."""

from dataclasses import replace

import pytest
from tiny import TINY, write_config

from asc_nas.core.errors import UsageError
from asc_nas.evaluation.result import Result
from asc_nas.run.config import RunConfig
from asc_nas.run.crossval import _fold_run
from asc_nas.run.folder import RunFolder
from asc_nas.run.networks import find_network
from asc_nas.run.ship import ship
from data_prep.synthetic import Plan, generate

KERNELS = {"kernels": ["t3"]}


def with_baselines(*names):
    return RunConfig.parse(TINY | {"baselines": dict.fromkeys(names, KERNELS)}, "config")


@pytest.mark.parametrize(
    "name",
    [
        *("0", "12", "best", "searched", "skip", "base-int8", "base-together", "base-seed3"),
        *("g0123abcd", "t3e2w1", "f3+t5e2w1 skip"),
        *("../../outside", "a/b", ".hidden", "", "a b", "größe", "-rf"),
    ],
)
def test_a_name_that_is_anothers_or_leads_elsewhere_is_refused(name):
    with pytest.raises(UsageError, match="baselines"):
        with_baselines(name)


def test_names_that_differ_in_case_only_are_refused():
    with pytest.raises(UsageError, match="'Base' and 'base' are one folder"):
        with_baselines("Base", "base")


@pytest.mark.parametrize("name", ["baseline", "Square_5", "v2.1", "t5f5", "best2", "int8", "x-8"])
def test_other_names_are_fine(name):
    assert list(with_baselines(name).baselines) == [name]


@pytest.mark.parametrize("name", ["../outside", "größe", "a b", "", "-x"])
def test_the_name_of_a_run_is_one_that_a_card_takes(name):
    with pytest.raises(UsageError, match="'name'"):
        RunConfig.parse(TINY | {"name": name}, "config")


def test_no_model_is_shipped_elsewhere(tmp_path):
    with pytest.raises(UsageError, match="--name"):
        ship(tmp_path, "baseline", name="../../outside")


def test_folds_never_share_a_directory(tmp_path):
    generate(tmp_path / "set", 0, Plan.tiny(), workers=1)
    config = write_config(tmp_path / "tiny.yaml", data={"workers": 1})
    whole = RunFolder.open(config, tmp_path / "set", out=tmp_path / "cv")
    whole.begin()
    places = []
    for fold in ("A 1", "A_1", "A/1", "A%201", "..", "1"):
        clips = [replace(c, fold=fold if c.fold == "4" else c.fold) for c in whole.first.clips]
        run = _fold_run(whole, whole.first.with_clips(clips), fold, 0)
        assert run.paths.root.parent == tmp_path / "cv"
        places.append(run.paths.root.name)
    assert (places[0], places[-1]) == ("fold-A%201", "fold-1")
    assert len(set(places)) == len(places)


def test_results_of_a_name_are_not_those_of_a_longer_one(tmp_path):
    settings = TINY | {"baselines": {"base": KERNELS, "base2": KERNELS}}
    run = RunFolder.open(settings, out=tmp_path / "run")
    for name, folder in (("base", "base"), ("base", "base-seed7"), ("base2", "base2")):
        result = Result(
            network=name,
            genotype=str(run.config.fixed_genotype(name)),
            accuracy=1.0,
            macro_f1=1.0,
            per_class={"a": 1.0, "b": 1.0},
            confusion=[[1, 0], [0, 1]],
            labels=["a", "b"],
            macs=1,
            params=1,
            data="x",
            trained_on=["train"],
            test_clips=2,
            seed=0,
            epochs=[],
        )
        result.write(run.paths.retrain(folder) / "result.json")
    assert [r.network for r in find_network(run, "base").results(run)] == ["base", "base"]
    assert [r.network for r in find_network(run, "base2").results(run)] == ["base2"]
