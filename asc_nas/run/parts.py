"""What judges candidates is trained on some clips and judges on others: once, or part by part."""

from collections.abc import Callable
from functools import lru_cache

from asc_nas.audio.logmel import FrontEnd
from asc_nas.core.randomness import derived_seed
from asc_nas.data.examples import Examples
from asc_nas.run.beginning import require_parts
from asc_nas.run.folder import RunFolder


def split_of(
    run: RunFolder, folds: int, frontend: FrontEnd | None = None
) -> list[tuple[Examples, Examples]]:
    """Return what is trained on and what is held out, once or for every part.

    Parts are cut from train and search-val by group, each with about the same share of each class.
    The same clips, folds and seed of the run give the same parts.

    Parameters
    ----------
    frontend : how the examples are heard; by default as the run's does

    Raises
    ------
    UsageError
        If so many parts cannot be cut.
    """
    require_parts(run.manifest, folds)
    if folds == 1:
        train, search_val = (run.examples(r, frontend=frontend) for r in ("train", "search_val"))
        return [(train, search_val)]
    from sklearn.model_selection import StratifiedGroupKFold

    everything = run.examples("train", "search_val", frontend=frontend)
    by_key = {clip.key: clip for clip in run.manifest.clips}
    groups = [by_key[key].group or key for key in everything.clip_keys]
    seed = derived_seed(run.config.seed, "search folds")
    cutter = StratifiedGroupKFold(folds, shuffle=True, random_state=seed)
    cuts = cutter.split(groups, everything.clip_targets, groups)
    return [(everything.of_clips(own), everything.of_clips(part)) for own, part in cuts]


def trained_on(run: RunFolder, number: int) -> Callable[[FrontEnd], Examples]:
    """Return the function from a front end to what the supernet of a part is trained on."""
    return lru_cache(maxsize=None)(
        lambda frontend: split_of(run, run.config.search.folds, frontend)[number][0]
    )
