"""A picture of which scenes are taken for which."""

from pathlib import Path

from asc_nas.core.files import atomic_path
from asc_nas.evaluation.scores import Decisions


def write_confusion(decisions: Decisions, target: Path) -> None:
    """Write the share of each class's clips that is decided for each class, as PNG."""
    from matplotlib.figure import Figure

    counts = decisions.confusion()
    shares = counts / counts.sum(1, keepdims=True).clip(min=1)
    figure = Figure(figsize=(6, 5), layout="constrained")
    axes = figure.subplots()
    picture = axes.imshow(shares, vmin=0, vmax=1, cmap="Blues")
    places = range(len(decisions.labels))
    axes.set_xticks(places, decisions.labels, rotation=60, ha="right")
    axes.set_yticks(places, decisions.labels)
    axes.set_xlabel("decided")
    axes.set_ylabel("true")
    figure.colorbar(picture, label="share of the clips")
    with atomic_path(target) as temporary:
        figure.savefig(temporary, format="png", dpi=150)
