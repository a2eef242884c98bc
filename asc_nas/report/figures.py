"""The main plots of a report for print, as PNG and PDF."""

from io import BytesIO
from pathlib import Path

from matplotlib import rc_context
from matplotlib.axes import Axes
from matplotlib.figure import Figure
from matplotlib.ticker import MaxNLocator

from asc_nas.core.files import write_bytes
from asc_nas.report.plots import ranking_figure
from asc_nas.report.run_report import RunReport, near_limits, score_title
from asc_nas.search.objectives import SCORES

# Okabe and Ito's colours, told apart with any colour vision; the page uses the same.
BLUE, VERMILION, GREEN, GREY = "#0072b2", "#d55e00", "#009e73", "#9a9a9a"
SERIES = (BLUE, VERMILION, GREEN, "#cc79a7", "#e69f00", "#56b4e9", "#000000", GREY)


def all_figures(report: RunReport) -> dict[str, Figure]:
    """Return the figures that the report's folder gets, by file name."""
    figures = {}
    if report.networks:
        figures["pareto"] = pareto_figure(report)
    if report.curves:
        figures["training"] = training_figure(report)
    if report.generations:
        figures["search"] = search_figure(report)
    if report.ranking is not None:
        figures["ranking"] = ranking_figure(report.ranking.networks, report.ranking_score, "")
    return figures


def write_figure(figure: Figure, path: Path) -> list[Path]:
    """Write a figure as ``path.png`` and ``path.pdf`` (fonts embedded), atomically; return both."""
    written = []
    metadata = {"png": {"Software": None}, "pdf": {"CreationDate": None, "Producer": None}}
    for kind, fields in metadata.items():
        target = path.with_name(f"{path.name}.{kind}")
        drawn = BytesIO()  # a full disk would leave matplotlib's own errors, not the disk's
        with rc_context({"pdf.fonttype": 42}):
            figure.savefig(drawn, format=kind, dpi=200, metadata=fields)
        write_bytes(target, drawn.getvalue())
        written.append(target)
    return written


def pareto_figure(report: RunReport) -> Figure:
    """Draw the leading score against MACs: all that was evaluated, Pareto set, what was trained.

    A thin line joins the two scores of a network; a dashed one is a limit.
    """
    score = report.score
    figure, axes = _figure("MACs of one example, million", score_title(score))
    candidates, members = report.candidates, report.drawn(report.members)
    for network, judged, tested in report.joined:
        axes.plot(2 * [network.macs / 1e6], [judged, tested], c=GREY, lw=0.8, zorder=1)
    _limits(axes, report)
    axes.scatter(
        [c.macs / 1e6 for c in candidates],
        [getattr(c, score) for c in candidates],
        s=6, c=GREY, alpha=0.5, linewidths=0, label="evaluated", rasterized=len(candidates) > 2000,
    )  # fmt: skip
    axes.plot(
        [n.macs / 1e6 for n in members],
        [n.on_search_val(score) or 0.0 for n in members],
        "o:" if report.traded("macs") else "o",
        c=BLUE, ms=5, lw=1, label=f"Pareto set ({report.judged})",
    )  # fmt: skip
    groups = (
        ("trained alone (test)", True, "D", VERMILION),
        ("baselines (test)", False, "s", GREEN),
    )
    for label, is_member, marker, colour in groups:
        rows = [n for n in report.trained if n.is_member == is_member]
        if rows:
            axes.errorbar(
                [n.macs / 1e6 for n in rows],
                [n.test(score) or 0.0 for n in rows],
                yerr=[n.spread(score) or 0.0 for n in rows],
                fmt=marker, c=colour, ms=6, elinewidth=1, capsize=2, label=label,
            )  # fmt: skip
    _legend(figure, axes)
    return figure


def _limits(axes: Axes, report: RunReport) -> None:
    """Draw the limits on MACs where they lie near the networks."""
    macs = [n.macs for n in report.networks] + [c.macs for c in report.candidates]
    for limit in near_limits(report, "macs", max(macs)):
        axes.axvline(limit.most / 1e6, c=VERMILION, lw=0.8, ls="--", zorder=1)
        axes.text(
            limit.most / 1e6, 0.98, str(limit), transform=axes.get_xaxis_transform(),
            ha="right", va="top", rotation=90, fontsize=7, color=VERMILION,
        )  # fmt: skip


def training_figure(report: RunReport) -> Figure:
    """Draw the training losses of the supernet and of every trained network."""
    figure, axes = _figure("epoch", "training loss, nats")
    for i, (name, losses) in enumerate(report.curves.items()):
        width = 2.0 if name == "supernet" else 1.0
        colour = SERIES[i % len(SERIES)]
        axes.plot(range(1, len(losses) + 1), losses, c=colour, lw=width, label=_plain(name))
    _legend(figure, axes)
    return figure


def search_figure(report: RunReport) -> Figure:
    """Draw hypervolume and the leading score by generation."""
    name = SCORES[report.score]
    figure, axes = _figure("generation", f"hypervolume; {score_title(report.score)}")
    numbers = [g.number for g in report.generations]
    lines = (
        ("hypervolume so far", [g.hypervolume for g in report.generations], BLUE),
        (f"best {name} of the generation", [g.best for g in report.generations], VERMILION),
        (f"median {name}", [g.median for g in report.generations], GREY),
    )
    for label, values, colour in lines:
        axes.plot(numbers, values, "o-", c=colour, ms=3, lw=1.2, label=label)
    axes.xaxis.set_major_locator(MaxNLocator(integer=True))
    _legend(figure, axes)
    return figure


def _figure(x: str, y: str) -> tuple[Figure, Axes]:
    figure = Figure(figsize=(5.2, 3.6), layout="constrained")
    axes = figure.subplots()
    axes.set_xlabel(x)
    axes.set_ylabel(y)
    axes.grid(alpha=0.25, linewidth=0.6)
    axes.set_axisbelow(True)
    axes.spines[["top", "right"]].set_visible(False)
    return figure, axes


def _legend(figure: Figure, axes: Axes) -> None:
    """Name the series below the plot, where they cover nothing."""
    handles, labels = axes.get_legend_handles_labels()
    figure.legend(handles, labels, loc="outside lower center", ncols=2, fontsize=8, frameon=False)


def _plain(text: str) -> str:
    """Return text that matplotlib takes neither for mathematics nor for a hidden label."""
    return text.replace("$", r"\$").lstrip("_")
