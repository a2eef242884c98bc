import re
from dataclasses import replace
from types import SimpleNamespace

import pytest

from asc_nas.cli.output.network_tables import print_outcome, print_pareto
from asc_nas.cost.counts import Cost
from asc_nas.run.networks import Pareto
from asc_nas.run.search import best_of, search_values
from asc_nas.search.config import SearchConfig
from asc_nas.search.limits import Limits
from asc_nas.search.objectives import DEFAULT_OBJECTIVES, Evaluation, Objective, leading_score
from asc_nas.space.genotype import Genotype

LOSS = Objective(name="log_loss", sense="min")
MACS = Objective(name="macs", sense="min")
MEMBERS = [
    Evaluation(Genotype.parse(text), f1, f1, loss, macs, 1000)
    for text, f1, loss, macs in (("t3e2w1", 0.8, 0.625, 10_000_000), ("f3e2w1", 0.7, 0.5, 10**7))
]


@pytest.mark.parametrize(
    ("objectives", "titles"),
    [
        (DEFAULT_OBJECTIVES, ["macro-F1", "MACs"]),
        ((MACS, LOSS), ["log loss", "macro-F1", "MACs"]),
        ((MACS,), ["macro-F1", "MACs"]),
    ],
)
def test_the_pareto_table_shows_the_score_that_was_searched_for(objectives, titles, capsys):
    config = SearchConfig().model_copy(update={"objectives": objectives})
    print_pareto(Pareto.of(MEMBERS, config))
    out = capsys.readouterr().out
    head = next(line for line in out.splitlines() if line.strip().startswith("Id"))
    assert head.split("Parameters")[0].split() == ["Id", *" ".join(titles).split()]
    assert ("0.625" in out) == ("log loss" in titles)
    assert "0.800" in out


def test_the_pareto_table_shows_ram_where_it_is_known(capsys):
    known = replace(MEMBERS[0], ram_bytes=34_260)
    print_pareto(Pareto.of([known, MEMBERS[1]], SearchConfig()))
    head, first, second = capsys.readouterr().out.splitlines()[-3:]
    assert head.split() == ["Id", "macro-F1", "MACs", "Parameters", "RAM", "Genotype"]
    assert "34.3 kB" in first
    assert second.split()[-2] == "-"


def test_a_column_in_which_nothing_is_known_is_left_out(capsys):
    print_pareto(Pareto.of(MEMBERS, SearchConfig()))
    assert "RAM" not in capsys.readouterr().out
    print_pareto(Pareto.of([replace(MEMBERS[0], latency_ms=1.5), MEMBERS[1]], SearchConfig()))
    printed = capsys.readouterr().out
    assert "Latency" in printed
    assert "1.500 ms" in printed


def test_what_a_search_tells_is_the_best_of_the_score_that_it_is_for():
    told = search_values([MEMBERS[:1], MEMBERS], leading_score((MACS, LOSS)))
    assert told == {"evaluated": 2, "best_log_loss": 0.5}
    assert best_of(MEMBERS, leading_score(DEFAULT_OBJECTIVES)) == 0.8


def test_the_ending_says_of_every_limit_whether_it_is_met(capsys):
    limits = Limits(max_macs=2_000, max_ram_kb=1.0)
    search = SearchConfig(limits=limits)
    run = SimpleNamespace(
        config=SimpleNamespace(search=search),
        paths=SimpleNamespace(root="runs/a"),
        cost=lambda genotype: Cost(macs=1_500, params=9, seconds=1.0, ram_bytes=1_250),
    )
    best = SimpleNamespace(network="1", accuracy=0.5, params=9, macs=1_500, ram_bytes=1_250)
    model = SimpleNamespace(file="runs/a/models/a-best.onnx", told=())
    scored = SimpleNamespace(intervals=None, clips_of={"a": 4, "b": 4})
    print_outcome(
        run, SimpleNamespace(best=best, member=MEMBERS[0], scored=scored, best_models=[model])
    )
    printed = capsys.readouterr().out
    assert re.search(r"limit max_macs +met: 1,500 of 2,000\s", printed)
    assert re.search(r"limit max_ram_kb +NOT met: 1.25 of 1\s", printed)
    assert "0.500 on 8 test clips of one group: no interval" in printed
