"""The interactive plots, as Plotly's data and layout.

Colours are names of the page's CSS variables (``var(--member)``), which its script replaces, so
that the plots follow the page to light and dark.
"""

from collections.abc import Sequence
from html import escape
from typing import Any

from asc_nas.report.run_report import Network, RunReport, near_limits, score_title
from asc_nas.search.objectives import SCORES, Evaluation
from asc_nas.search.ranking import Ranking

Plot = dict[str, Any]

CANDIDATES = 4000
"""Evaluated genotypes that are drawn at most; of more, every second, third, ... is drawn."""

COSTS = {
    "macs": ("MACs of one example, million", 1e6),
    "params": ("Parameters, thousand", 1e3),
    "ram_bytes": ("RAM of a device, int8, kB", 1e3),
    "latency_ms": ("Latency of one example, ms", 1.0),
}
"""What the front can be drawn against: title and unit."""


def pareto_plot(report: RunReport) -> Plot:
    """Return the leading score against cost; ``costs`` has what differs from cost to cost.

    That is, per trace, places and mode; and as shapes with annotations the limits, and thin lines
    that join the two scores of a network. A point's ``customdata`` is the position of its network
    in the report, or -1.
    """
    positions = {network.name: i for i, network in enumerate(report.networks)}
    score, members, trained = report.score, report.drawn(report.members), report.trained
    found = {
        network.genotype for network in report.members
    }  # a point under another takes its clicks
    drawn = every([row for row in report.candidates if str(row.genotype) not in found], CANDIDATES)
    of_members = [network for network in trained if network.is_member]
    others = [network for network in trained if not network.is_member]
    groups: list[tuple[Plot, Sequence[Evaluation | Network], list[float | None]]] = [
        (
            _points("evaluated", "candidate", size=5, opacity=0.45),
            drawn,
            [getattr(candidate, score) for candidate in drawn],
        ),
        (
            _points(f"Pareto set ({report.judged})", "member", size=11),
            members,
            [network.on_search_val(score) for network in members],
        ),
        (
            _points("trained alone (test)", "trained", size=12, symbol="diamond"),
            of_members,
            [network.test(score) for network in of_members],
        ),
        (
            _points("baselines (test)", "baseline", size=12, symbol="square"),
            others,
            [network.test(score) for network in others],
        ),
    ]
    groups = [group for group in groups if group[1]]
    every_row = [row for _, rows, _ in groups for row in rows]
    names = [n for n in COSTS if all(getattr(row, n) is not None for row in every_row)]
    traces = []
    for trace, rows, scores in groups:
        trace |= {
            "y": scores,
            "text": [_hover(row, score, y) for row, y in zip(rows, scores, strict=True)],
            "customdata": [positions[row.name] if isinstance(row, Network) else -1 for row in rows],
        }
        traces.append(trace)
    costs = [
        {
            "name": name,
            "title": COSTS[name][0],
            "x": [[getattr(row, name) / COSTS[name][1] for row in rows] for _, rows, _ in groups],
            "mode": [
                "lines+markers" if rows is members and report.traded(name) else "markers"
                for _, rows, _ in groups
            ],
            **_lines(report, name, max(getattr(row, name) for row in every_row)),
        }
        for name in names
    ]
    layout = _layout("", score_title(score))  # the page's script puts the first cost in place
    return {"data": traces, "layout": layout, "costs": costs}


def _lines(report: RunReport, cost: str, largest: float) -> Plot:
    """Return the lines of a plot against a cost, and the labels of those that are limits.

    A limit far beyond `largest`, the most that is drawn, is told at the edge without a line.
    """
    unit = COSTS[cost][1]
    shapes = [
        {
            "type": "line",
            "layer": "below",
            **dict.fromkeys(("x0", "x1"), getattr(network, cost) / unit),
            **{"y0": judged, "y1": tested},
            "line": {"color": "var(--candidate)", "width": 1},
        }
        for network, judged, tested in report.joined
    ]
    near, labels = near_limits(report, cost, largest), []
    for limit in (limit for limit in report.limits if limit.cost == cost):
        place, drawn = limit.most / unit, limit in near
        words = str(limit)
        label = {
            "yref": "paper",
            "y": 1,
            "yanchor": "top",
            "xanchor": "right",
            "showarrow": False,
            "font": {"color": "var(--warn)", "size": 12},
        }
        if drawn:
            line = {"color": "var(--warn)", "width": 1.5, "dash": "dash"}
            ends = {"x0": place, "x1": place, "y0": 0, "y1": 1, "yref": "paper"}
            shapes.append({"type": "line", "layer": "above", "line": line, **ends})
            labels.append(label | {"x": place, "textangle": -90, "text": words})
        else:
            far = sum(not each.get("textangle") for each in labels)
            edge = {"xref": "paper", "x": 1, "yshift": -18 * far}
            labels.append(label | edge | {"text": f"{words} →"})
    return {"shapes": shapes, "annotations": labels}


def training_plot(report: RunReport) -> Plot:
    """Return the training loss of the supernet and of every trained network by epoch."""
    traces = []
    for i, (name, losses) in enumerate(report.curves.items()):
        traces.append(
            {
                "type": "scatter",
                "mode": "lines",
                "name": escape(name),
                "x": list(range(1, len(losses) + 1)),
                "y": losses,
                "line": {
                    "color": f"var(--series-{i % 8})",
                    "width": 3 if name == "supernet" else 1.5,
                },
            }
        )
    return {"data": traces, "layout": _layout("Epoch", "Training loss, nats")}


def search_plot(report: RunReport) -> Plot:
    """Return hypervolume and the leading score by generation."""
    name = SCORES[report.score]
    numbers = [generation.number for generation in report.generations]
    lines = {
        "hypervolume": ("hypervolume so far", "member"),
        "best": (f"best {name} of the generation", "trained"),
        "median": (f"median {name}", "candidate"),
    }
    traces = [
        {
            "type": "scatter",
            "mode": "lines+markers",
            "name": title,
            "x": numbers,
            "y": [getattr(generation, value) for generation in report.generations],
            "line": {"color": f"var(--{colour})"},
        }
        for value, (title, colour) in lines.items()
    ]
    layout = _layout("Generation", f"hypervolume; {score_title(report.score)}")
    layout["xaxis"]["dtick"] = -(-len(numbers) // 10)
    return {"data": traces, "layout": layout}


def ranking_plot(ranking: Ranking, score: str) -> Plot:
    """Return the supernet's score against that of stand-alone training (bar: all seeds)."""
    rows = ranking.networks
    alone = [getattr(row, f"standalone_{score}") for row in rows]
    seeds = [[getattr(each, score) for each in row.standalone] for row in rows]
    trace = _points("networks", "member", size=9) | {
        "x": [getattr(row, score) for row in rows],
        "y": alone,
        "error_y": {
            "type": "data",
            "symmetric": False,
            "array": [max(s) - mean for s, mean in zip(seeds, alone, strict=True)],
            "arrayminus": [mean - min(s) for s, mean in zip(seeds, alone, strict=True)],
            "color": "var(--candidate)",
            "thickness": 1,
            "width": 0,
        },
        "text": [
            f"<b>{escape(row.genotype)}</b><br>{row.macs / 1e6:.2f} M MACs, "
            f"{row.params:,} parameters"
            for row in rows
        ],
    }
    x = f"{SCORES[score]} with the supernet's weights"
    return {"data": [trace], "layout": _layout(x, f"{SCORES[score]} trained alone")}


def every(rows: Sequence[Evaluation], most: int) -> Sequence[Evaluation]:
    """Return at most `most` rows, evenly spaced."""
    return rows[:: -(-len(rows) // most)] if rows else rows


def _hover(row: Evaluation | Network, score: str, value: float | None) -> str:
    """Return what is shown over a point; Plotly reads HTML there."""
    lines = [
        f"{SCORES[score]} {value:.3f}",
        f"{row.macs / 1e6:.2f} M MACs, {row.params:,} parameters",
    ]
    if row.ram_bytes is not None:
        lines.append(f"{row.ram_bytes / 1000:.1f} kB RAM")
    if row.latency_ms is not None:
        lines.append(f"{row.latency_ms:.3f} ms")
    if isinstance(row, Network):
        lines.insert(0, f"<b>{escape(row.title)}</b>")
    genes = str(row.genotype).split()
    lines += [escape(" ".join(genes[i : i + 3])) for i in range(0, len(genes), 3)]
    return "<br>".join(lines)


def _points(
    name: str, colour: str, *, size: int, symbol: str = "circle", opacity: float = 1.0
) -> Plot:  # fmt: skip
    return {
        "type": "scatter",
        "mode": "markers",
        "name": name,
        "hovertemplate": "%{text}<extra></extra>",
        "line": {"color": f"var(--{colour})", "width": 1, "dash": "dot"},
        "marker": {
            "color": f"var(--{colour})",
            "size": size,
            "symbol": symbol,
            "opacity": opacity,
            "line": {"color": "var(--surface)", "width": 1 if opacity == 1.0 else 0},
        },
    }


def _layout(x: str, y: str) -> Plot:
    axis = {
        "gridcolor": "var(--grid)",
        "zerolinecolor": "var(--grid)",
        "linecolor": "var(--faint)",
        "automargin": True,
    }
    return {
        "xaxis": axis | {"title": {"text": x, "standoff": 8}},
        "yaxis": axis | {"title": {"text": y, "standoff": 4}},
        "font": {"color": "var(--text)", "family": "system-ui, sans-serif", "size": 13},
        "paper_bgcolor": "rgba(0,0,0,0)",
        "plot_bgcolor": "rgba(0,0,0,0)",
        "hoverlabel": {
            "bgcolor": "var(--surface)",
            "bordercolor": "var(--faint)",
            "font": {"color": "var(--text)"},
            "align": "left",
        },
        "modebar": {
            "bgcolor": "rgba(0,0,0,0)",
            "color": "var(--candidate)",
            "activecolor": "var(--accent)",
        },
        "legend": {"orientation": "h", "x": 0, "y": 1.02, "xanchor": "left", "yanchor": "bottom"},
        "margin": {"l": 48, "r": 12, "t": 12, "b": 48},
        "hovermode": "closest",
        "uirevision": "kept",
    }
