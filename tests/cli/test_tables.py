import re
from dataclasses import replace

import pytest

from asc_nas.cli.output.network_tables import print_best, print_pareto
from asc_nas.report.best import BestNetwork, ExportedFile, Fact
from asc_nas.run.networks import Pareto
from asc_nas.run.search import best_of, search_values
from asc_nas.search.config import SearchConfig
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


def test_what_is_said_of_the_best_network_is_printed_whole(capsys):
    facts = (Fact("accuracy", "0.500 [of 8]"), Fact("limit max_ram_kb", "NOT met: 2 of 1", False))
    files = (ExportedFile("a/a-best.onnx", ""), ExportedFile("a/a-best-c", "C in int8"))
    print_best(BestNetwork("Best: network 1", "1", facts, files, ("asc-nas report a",)))
    printed = capsys.readouterr().out
    assert printed.splitlines()[1] == "Best: network 1"
    assert re.search(r"accuracy +0.500 \[of 8\]", printed)
    assert re.search(r"limit max_ram_kb +NOT met: 2 of 1", printed)
    assert re.search(r"files +a/a-best.onnx +\n +a/a-best-c +\n +C in int8", printed)
    assert printed.endswith("Next:\n  asc-nas report a\n")
