"""Peak RAM as an objective and as a limit, and the limits of chips."""

import json
from dataclasses import replace

import pyarrow.parquet as pq
import pytest
from toy import HEARD

from asc_nas.core.errors import UsageError
from asc_nas.cost.counts import Cost, count
from asc_nas.search.chips import CHIPS, SHARE, limits_of
from asc_nas.search.config import SearchConfig
from asc_nas.search.feasibility import require_feasible
from asc_nas.search.history import read_history, write_history
from asc_nas.search.limits import LIMIT_PRESETS, Limits
from asc_nas.search.objectives import Evaluation, Objective, to_minimise
from asc_nas.search.pareto import ParetoSet, pareto_set
from asc_nas.search.strategies import new_strategy, search_with
from asc_nas.space.genotype import Genotype
from asc_nas.space.netspec import resolve
from asc_nas.space.search_space import SearchSpace, SpaceConfig
from asc_nas.space.skeleton import skeleton_from

SKELETON = skeleton_from("cp_mobile")
SPACE = SearchSpace.build(SpaceConfig(expansions=(1.0, 2.0, 3.0), widths=(0.5, 1.0)), SKELETON)
SCORES = {"macro_f1": 0.5, "accuracy": 0.5, "log_loss": 1.0}
RAM = Objective(name="ram_bytes", sense="min")


def cost_of(genotype):
    return count(resolve(genotype, SKELETON, HEARD.size, 9), HEARD)


def judge(genotypes):
    """Judge by cost: what is larger is better."""
    costs = map(cost_of, genotypes)
    return [
        Evaluation.of(genotype, cost, SCORES | {"macro_f1": cost.macs / 1e8})
        for genotype, cost in zip(genotypes, costs, strict=True)
    ]


def searched(**settings):
    config = SearchConfig(population=12, generations=5, **settings)
    rounds = search_with(new_strategy(config, SPACE, cost_of, seed=0), judge)
    return [evaluation for judged in rounds for evaluation in judged]


def test_an_evaluation_has_the_cost_of_its_genotype():
    (found,) = judge([SPACE.largest()])
    cost = cost_of(SPACE.largest())
    costs = (cost.macs, cost.params, cost.ram_bytes, None)
    assert (found.macs, found.params, found.ram_bytes, found.latency_ms) == costs
    assert found.row()["ram_bytes"] == cost.ram_bytes > 10_000


@pytest.mark.parametrize("strategy", ["nsga2", "random"])
def test_a_search_judges_no_network_above_the_limit(strategy):
    free = sorted(e.ram_bytes for e in searched(strategy=strategy))
    bound = free[len(free) // 4]
    found = searched(strategy=strategy, limits=Limits(max_ram_kb=bound / 1000))
    assert len(found) > 12
    assert max(e.ram_bytes for e in found) <= bound < free[-1]


def test_a_limit_that_no_network_meets_is_told_with_the_smallest():
    least = cost_of(SPACE.decode([0] * len(SPACE))).ram_bytes
    with pytest.raises(UsageError, match=r"search\.limits\.max_ram_kb: .* below 5; the smallest"):
        require_feasible(SPACE, cost_of, Limits(max_ram_kb=5))
    assert require_feasible(SPACE, cost_of, Limits(max_ram_kb=least / 1000))


def test_the_limit_is_in_kilobytes_of_1000():
    limits = Limits(max_ram_kb=64)
    assert limits.met_by(Cost(1, 1, 1.0, ram_bytes=64_000))
    assert limits.excess(Cost(1, 1, 1.0, ram_bytes=96_000)) == {"max_ram_kb": 0.5}


def test_ram_is_traded_against_the_score():
    found = searched(objectives=(Objective(name="macro_f1", sense="max"), RAM))
    members = pareto_set(found, (Objective(name="macro_f1", sense="max"), RAM))
    least = min(found, key=lambda e: (e.ram_bytes, -e.macro_f1))
    assert least in members
    assert to_minimise([least], (RAM,)).tolist() == [[least.ram_bytes]]
    assert len({e.ram_bytes for e in members}) == len(members) > 1
    rows = {row.genotype: row.ram_bytes for row in ParetoSet.of(members).members}
    assert rows == {str(e.genotype): e.ram_bytes for e in members}


def test_files_of_versions_without_it_are_still_read(tmp_path):
    path, scope = tmp_path / "history.parquet", {"supernet": "a", "split": "b"}
    evaluations = judge([SPACE.largest()])
    write_history(path, [evaluations], scope)
    assert read_history(path, scope) == evaluations
    table = pq.read_table(path)
    pq.write_table(table.drop_columns(["ram_bytes"]), path)
    old = read_history(path, scope)
    assert old == [replace(evaluations[0], ram_bytes=None)]
    file = tmp_path / "pareto.json"
    ParetoSet.of(evaluations).write(file)
    values = json.loads(file.read_text())
    for row in values["members"]:
        del row["ram_bytes"]
    del values["checksum"]
    file.write_text(json.dumps(values))
    assert ParetoSet.read(file).members[0].ram_bytes is None
    with pytest.raises(UsageError, match="ram_bytes is not known"):
        to_minimise(old, (RAM,))


def test_a_chip_stands_for_a_share_of_its_memory():
    limits = SearchConfig.parse({"limits": "stm32l476rg"}, "test").limits
    assert limits == Limits(
        max_ram_kb=65.536, max_param_bytes=512 * 1024, bytes_per_param=1, target="c"
    )
    assert SHARE == 0.5
    assert limits_of("stm32l476rg") == LIMIT_PRESETS["stm32l476rg"]


@pytest.mark.parametrize("chip", CHIPS.values(), ids=lambda chip: chip.name)
def test_every_chip_has_limits_that_small_networks_meet_and_a_source(chip):
    limits = Limits.parse(chip.name, "test")
    ram, flash = 1024 * chip.ram_kib, 1024 * chip.flash_kib
    assert limits.met_by(Cost(1, flash // 2, 1.0, ram // 2))
    assert not limits.met_by(Cost(1, flash // 2 + 1, 1.0, 1))
    assert not limits.met_by(Cost(1, 1, 1.0, ram // 2 + 1))
    small = Genotype.parse(" ".join(["t3e1w0.5"] * 6))
    assert limits.met_by(cost_of(small))
    assert chip.source
    assert chip.clock_mhz >= 48


def test_an_unknown_chip_is_told_with_all_that_are_known():
    for ask in (
        lambda: limits_of("stm32l467rg"),
        lambda: SearchConfig.parse({"limits": "stm32l467rg"}, "test"),
    ):
        with pytest.raises(UsageError, match=r"Did you mean 'stm32l476rg'\?") as told:
            ask()
        for chip in CHIPS.values():
            assert str(chip) in str(told.value)
    assert "1024 KiB flash, 128 KiB RAM, 80 MHz; ST DS10198" in str(CHIPS["stm32l476rg"])
