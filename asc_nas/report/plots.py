"""Static plots, as PNG files."""

from collections.abc import Sequence
from pathlib import Path

from matplotlib.figure import Figure

from asc_nas.core.files import atomic_path
from asc_nas.search.objectives import SCORES
from asc_nas.search.ranking import RankedNetwork


def plot_ranking(networks: Sequence[RankedNetwork], score: str, title: str, path: Path) -> None:
    """Write `ranking_figure` as PNG, atomically."""
    figure = ranking_figure(networks, score, title)
    with atomic_path(path) as temporary:
        figure.savefig(temporary, format="png", dpi=150)


def ranking_figure(networks: Sequence[RankedNetwork], score: str, title: str) -> Figure:
    """Draw the supernet's score against that of stand-alone trainings, coloured by MACs.

    Parameters
    ----------
    score : ``macro_f1`` or ``log_loss``
    """
    figure = Figure(figsize=(6.4, 5.0), layout="constrained")
    axes = figure.subplots()
    scores = [getattr(network, score) for network in networks]
    alone = [getattr(network, f"standalone_{score}") for network in networks]
    seeds = [[getattr(each, score) for each in network.standalone] for network in networks]
    spread = [
        [mean - min(every) for mean, every in zip(alone, seeds, strict=True)],
        [max(every) - mean for mean, every in zip(alone, seeds, strict=True)],
    ]
    axes.errorbar(scores, alone, yerr=spread, fmt="none", ecolor="0.75", elinewidth=1, zorder=1)
    millions = [network.macs / 1e6 for network in networks]
    points = axes.scatter(scores, alone, c=millions, s=36, zorder=2)
    figure.colorbar(points, label="million MACs")
    axes.set_xlabel(f"{SCORES[score]} with the supernet's weights, search-val")
    axes.set_ylabel(f"{SCORES[score]} trained alone, search-val (bar: all seeds)")
    axes.set_title(title)
    axes.grid(alpha=0.3)
    return figure
