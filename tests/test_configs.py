"""Every ready-made config is complete and its search is possible."""

from pathlib import Path

import pytest

from asc_nas.core.config import apply_overrides, read_yaml
from asc_nas.core.errors import UsageError
from asc_nas.cost.counts import count
from asc_nas.run.config import FixedNetwork, RunConfig
from asc_nas.search.feasibility import require_feasible
from asc_nas.space.netspec import resolve
from data_prep.datasets import READERS

CONFIGS = sorted((Path(__file__).parents[1] / "configs").glob("*.yaml"))


@pytest.mark.parametrize("path", CONFIGS, ids=lambda path: path.stem)
def test_config_is_complete(path):
    config = RunConfig.parse(read_yaml(path), str(path))
    assert config.name == path.stem
    assert config.data.dataset in READERS
    size = (config.frontend.n_mels, config.frontend.frames)

    def cost_of(genotype):
        return count(resolve(genotype, config.skeleton, size, 10), config.frontend)

    require_feasible(config.search_space(), cost_of, config.search.limits)
    for baseline in config.baselines.values():
        assert cost_of(baseline.genotype(len(config.skeleton.block_plans))).macs > 0


def test_the_square_peers_of_nasc_cost_what_the_unidirectional_baseline_costs():
    config = RunConfig.parse(read_yaml(CONFIGS[0].with_name("nasc.yaml")), "nasc.yaml")
    size = (config.frontend.n_mels, config.frontend.frames)
    macs = {
        name: count(resolve(fixed.genotype(6), config.skeleton, size, 10), config.frontend).macs
        for name, fixed in config.baselines.items()
    }
    assert macs["square3"] == pytest.approx(macs["baseline"], rel=0.02)
    assert macs["square5"] == pytest.approx(macs["baseline"], rel=0.02)


@pytest.mark.parametrize(
    ("expansion", "expected"),
    [(2, "t5e2w1 f5e2w1 t5e2w1 f5e2w1"), ([1, 1.5, 3], "t5e1w1 f5e1.5w1 t5e3w1 f5e1w1")],
)
def test_kernels_and_expansions_of_a_hand_made_network_are_counted_around(expansion, expected):
    network = FixedNetwork.parse({"kernels": ["t5", "f5"], "expansion": expansion}, "here")
    assert str(network.genotype(4)) == expected


def test_settings_survive_a_round_trip():
    config = RunConfig.parse(read_yaml(CONFIGS[0]), "config")
    assert RunConfig.parse(config.model_dump(mode="json"), "again") == config


def test_overrides_reach_into_groups_and_take_yaml_values():
    values = apply_overrides({"a": {"b": 1}}, ["a.b=2", "a.c=[x, y]", "d=true"])
    assert values == {"a": {"b": 2, "c": ["x", "y"]}, "d": True}


@pytest.mark.parametrize("assignment", ["a", "a.b.c=1", "a=[1"])
def test_a_malformed_override_is_refused(assignment):
    with pytest.raises(UsageError, match="--set"):
        apply_overrides({"a": {"b": 1}}, [assignment])


@pytest.mark.parametrize(
    ("change", "message"),
    [
        ("supernet.epoch=3", "unknown key 'supernet.epoch'. Did you mean 'epochs'"),
        ("supernet.augment.mixup=1", "Did you mean 'mixup_alpha'"),
        ("search.limits.max_mac=1", "Did you mean 'max_macs'"),
        ("baselines.baseline.kernel=[t3]", "Did you mean 'kernels'"),
        ("supernet.epochs=-1", "'supernet.epochs'"),
        ("frontend=esc11", "Did you mean 'esc10'"),
        ("skeleton.head=1", "unknown key"),
    ],
)
def test_a_wrong_setting_is_named_with_the_closest_right_one(change, message):
    values = apply_overrides(read_yaml(CONFIGS[0].with_name("demo.yaml")), [change])
    with pytest.raises(UsageError) as error:
        RunConfig.parse(values, "demo.yaml")
    assert message in str(error.value)
    assert "demo.yaml" in str(error.value)
