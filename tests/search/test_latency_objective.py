"""Latency as an objective and as a limit."""

from dataclasses import asdict

import pyarrow.parquet as pq
import pytest

from asc_nas.core.errors import UsageError
from asc_nas.cost.counts import Cost
from asc_nas.run.config import RunConfig
from asc_nas.search.history import read_history, write_history
from asc_nas.search.limits import Limits
from asc_nas.search.objectives import Evaluation, Objective, to_minimise
from asc_nas.search.pareto import ParetoSet, pareto_set
from asc_nas.space.genotype import Genotype

OBJECTIVES = (
    Objective(name="macro_f1", sense="max"),
    Objective(name="latency_ms", sense="min"),
    Objective(name="params", sense="max"),
)


def made_up(f1, latency, params=1, text="t3e2w1"):
    return Evaluation(Genotype.parse(text), f1, f1, 0.0, 10, params, latency)


def test_faster_and_larger_networks_are_on_the_front_and_their_latency_is_written():
    slow, fast, large, dominated = (
        made_up(0.9, 3.0),
        made_up(0.5, 1.0, text="t5e2w1"),
        made_up(0.5, 2.0, params=9, text="t7e2w1"),
        made_up(0.5, 2.5, params=5, text="f3e2w1"),
    )
    assert to_minimise([large], OBJECTIVES).tolist() == [[-0.5, 2.0, -9]]
    members = pareto_set([slow, fast, large, dominated], OBJECTIVES)
    assert set(members) == {slow, fast, large}
    rows = ParetoSet.of(members).members
    assert {row.genotype: row.latency_ms for row in rows} == {
        str(member.genotype): member.latency_ms for member in members
    }


def test_a_latency_limit_is_met_or_not():
    limits = Limits(max_latency_ms=2.0)
    assert limits.met_by(Cost(1, 1, 1.0, 1, latency_ms=2.0))
    assert limits.excess(Cost(1, 1, 1.0, 1, latency_ms=3.0)) == {"max_latency_ms": 0.5}


def test_latency_without_a_table_is_one_clear_error():
    for ask in (
        lambda: to_minimise([made_up(0.5, None)], OBJECTIVES),
        lambda: Limits(max_latency_ms=1).excess(Cost(1, 1, 1.0, 1)),
    ):
        with pytest.raises(UsageError, match="latency: measure"):
            ask()


@pytest.mark.parametrize(
    "search",
    [
        {
            "objectives": [
                {"name": "macro_f1", "sense": "max"},
                {"name": "latency_ms", "sense": "min"},
            ]
        },
        {"limits": {"max_latency_ms": 1.0}},
    ],
    ids=["objective", "limit"],
)
def test_a_config_that_asks_for_latency_says_where_it_comes_from(search):
    values = {"name": "x", "data": {"dataset": "synthetic"}, "search": search}
    with pytest.raises(UsageError, match=r"x\.yaml: .*latency: measure.*latency: FILE"):
        RunConfig.parse(values, "x.yaml")
    assert RunConfig.parse(values | {"latency": "measure"}, "x.yaml").latency == "measure"


def test_a_history_without_latency_is_still_read(tmp_path):
    path, scope = tmp_path / "history.parquet", {"supernet": "a", "split": "b"}
    evaluations = [made_up(0.5, None)]
    write_history(path, [evaluations], scope)
    table = pq.read_table(path)
    assert set(table.column_names) == {"generation", *asdict(evaluations[0])}
    pq.write_table(table.drop_columns(["latency_ms"]), path)
    assert read_history(path, scope) == evaluations
    write_history(path, [[made_up(0.5, 1.25)]], scope)
    assert read_history(path, scope)[0].latency_ms == 1.25
