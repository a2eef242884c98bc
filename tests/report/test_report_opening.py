"""What the report opens with: the best network, as `asc-nas run` prints it, and the limits."""

import re
import shutil
from dataclasses import replace
from html import unescape
from types import SimpleNamespace

import pytest
from gathered import gather, text_of

from asc_nas.cli.output.network_tables import print_best
from asc_nas.report.figures import pareto_figure
from asc_nas.report.interactive import pareto_plot
from asc_nas.report.page import page, plots
from asc_nas.report.run_report import CostLimit
from asc_nas.run.folder import RunFolder
from asc_nas.run.paths import RunPaths
from asc_nas.search.limits import Limits
from asc_nas.search.objectives import DEFAULT_OBJECTIVES, Objective
from asc_nas.search.pareto import ParetoSet


@pytest.fixture
def with_best(whole_run, a_copy):
    """The whole run, with the network trained that its search prefers, and a limit."""
    run = RunFolder(whole_run.config, RunPaths(a_copy))
    whole_run.write_result(run, "3", ParetoSet.read(run.paths.pareto).members[3].genotype, 0)
    limits = Limits(max_params=400, max_ram_kb=5.0)
    search = whole_run.config.search.model_copy(update={"limits": limits})
    return SimpleNamespace(
        folder=a_copy, config=whole_run.config.model_copy(update={"search": search})
    )


def test_the_page_opens_with_what_run_prints_at_its_end(with_best, capsys):
    found = gather(with_best, with_best.folder, mistakes=0)
    print_best(found.best)
    printed = capsys.readouterr().out
    html = page(found)
    opening = text_of(html[html.index("<header>") : html.index("<nav>")])
    for line in filter(None, map(str.strip, printed.splitlines())):
        assert " ".join(line.split()).removesuffix(":") in opening, line
    assert "Best: network 3" in opening
    assert "against baseline" in opening
    assert re.search(r'class="not-met">NOT met: [\d.]+ of 5<', html)
    assert "0.700 (95 % interval 0.400 to 0.800)" in opening


def test_the_best_network_is_not_told_before_it_is_trained(whole_run):
    found = gather(whole_run, whole_run.folder, mistakes=0)
    assert found.best is None
    assert f"'asc-nas train {whole_run.folder} 3' trains it." in unescape(page(found))


def test_members_that_cannot_be_compared_make_no_best_network(with_best):
    objectives = (*DEFAULT_OBJECTIVES, Objective(name="latency_ms", sense="min"))  # not measured
    found = gather(with_best, with_best.folder, objectives, mistakes=0)
    assert found.best is None
    assert found.missing["best"].startswith("Left out: search.objectives: latency")


def test_a_run_without_a_search_opens_with_its_only_network(whole_run, a_copy):
    for name in ("search", "retrain/0", "retrain/0-seed1"):
        shutil.rmtree(a_copy / name)
    found = gather(whole_run, a_copy, mistakes=0)
    assert found.best.title == "Network baseline"
    assert "pareto" not in plots(found)  # of one point nothing can be seen
    assert "network-0" in page(found)


def test_the_two_scores_of_a_network_are_joined_at_its_cost(with_best):
    found = gather(with_best, with_best.folder, mistakes=0)
    costs = {cost["name"]: cost for cost in pareto_plot(found)["costs"]}
    for name, unit in (("macs", 1e6), ("params", 1e3)):
        lines = [shape for shape in costs[name]["shapes"] if "yref" not in shape]
        joined = [[line[end] for end in ("x0", "x1", "y0", "y1")] for line in lines]
        first, last = (getattr(found.networks[i], name) / unit for i in (0, 3))
        assert joined[0] == pytest.approx([first, first, 0.3, 0.75])  # mean of two seeds
        assert joined[1:] == [pytest.approx([last, last, 0.6, 0.7])]


def test_a_limit_is_a_line_with_a_label_on_the_cost_that_it_bounds(with_best):
    found = gather(with_best, with_best.folder, mistakes=0)
    costs = {cost["name"]: cost for cost in pareto_plot(found)["costs"]}
    lines = {
        name: [shape["x0"] for shape in cost["shapes"] if shape.get("yref") == "paper"]
        for name, cost in costs.items()
    }
    assert lines == {"macs": [], "params": [0.4], "ram_bytes": [5.0]}
    words = {name: [a["text"] for a in cost["annotations"]] for name, cost in costs.items()}
    assert words == {"macs": [], "params": ["max_params 400"], "ram_bytes": ["max_ram_kb 5"]}
    far = replace(found, limits=(CostLimit("max_params", 10**6, "params", 10**6),))
    params = pareto_plot(far)["costs"][1]
    assert [shape for shape in params["shapes"] if "yref" in shape] == []
    assert [label["text"] for label in params["annotations"]] == ["max_params 1,000,000 →"]
    macs = found.networks[3].macs
    near = replace(found, limits=(CostLimit("max_macs", macs, "macs", macs),))
    for each, names in ((found, []), (near, [str(near.limits[0])])):
        assert [text.get_text() for text in pareto_figure(each).axes[0].texts] == names
