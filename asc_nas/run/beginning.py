"""What is looked at before a run begins: its clips, and whether a search can be done."""

import json
from collections import Counter
from collections.abc import Callable
from dataclasses import replace
from pathlib import Path

from asc_nas.audio.logmel import FrontEnd
from asc_nas.core.errors import UsageError
from asc_nas.core.progress import SILENT, Listener
from asc_nas.cost.counts import Cost, count
from asc_nas.cost.latency import LatencyTable
from asc_nas.cost.layers import layers_of_space
from asc_nas.data.logits import ClipScores
from asc_nas.data.manifest import Manifest
from asc_nas.export.possible import require_target
from asc_nas.run.config import DataConfig, RunConfig
from asc_nas.run.start import Start
from asc_nas.search.feasibility import require_feasible, unmet
from asc_nas.search.limits import Limits
from asc_nas.space.genotype import Genotype
from asc_nas.space.hearing import FrontEndChange, frontend_of, spec_of
from asc_nas.space.netspec import NetSpec
from asc_nas.space.scaling import scaled_shapes
from asc_nas.space.search_space import SearchSpace
from data_prep.checks import without
from data_prep.checks.table import leaks
from data_prep.datasets import read_dataset

SHOWN = 5
"""Groups that a warning names."""


def read_clips(data: DataConfig, listener: Listener = SILENT) -> Manifest:
    """Read the recordings, without those to leave out; the clips have no roles yet.

    Raises
    ------
    UsageError
        If the settings do not say where the recordings are.
    AscNasError
        If they are not there, or not laid out as the dataset's reader expects.
    """
    if data.folder is None:
        raise UsageError("no recordings given: add --data FOLDER (or data.folder to the config).")
    manifest = read_dataset(data.dataset, Path(data.folder), data.split)
    if data.exclude is not None:
        everything = len(manifest.clips)
        manifest = without(manifest, Path(data.exclude))
        left_out = everything - len(manifest.clips)
        listener.say(f"{left_out} of {everything} clips left out ({data.exclude})")
    shared = [f"'{finding.group}'" for finding in leaks(manifest)]
    if shared and manifest.published_folds:
        more = ", ..." if len(shared) > SHOWN else ""
        listener.note(
            f"warning: {manifest.name}: {len(shared)} groups are in several folds as published, so "
            f"that training hears what is tested: {', '.join(shared[:SHOWN])}{more}."
        )
    return manifest


def require_searchable(config: RunConfig, manifest: Manifest) -> None:
    """Raise unless a search can be done, as far as that is known before anything is measured.

    Raises
    ------
    UsageError
        If no network of the space meets the limits, the given latency table lacks a layer, the
        clips cannot be cut into as many parts, a network is too large for any machine, one cannot
        be exported to `search.limits.target`, a hand-made one hears what the run makes no features
        of, or hand-made networks are to be judged and none can.
    AscNasError
        If the given latency table is none.
    """
    space, classes = config.search_space(), len(manifest.labels)
    require_parts(manifest, config.search.folds)
    for genotype in (space.largest(), *map(config.fixed_genotype, config.baselines)):
        specs_of(config, classes)(genotype)
        require_heard(config, frontend_of(genotype.shape, config.frontend), str(genotype))
    if config.latency is not None and config.latency != "measure":
        layers = layers_of_space(space, specs_of(config, classes))
        LatencyTable.read(Path(config.latency)).require(layers)
    if (target := config.search.limits.target) is not None:
        require_target(target, space, specs_of(config, classes), config.frontend)
    cost, limits = cost_of(config, classes), size_limits(config)
    require_feasible(space, cost, limits)
    if not config.search.strategy.searches:
        _require_hand_made(config, space, cost, limits)


def require_heard(config: RunConfig, heard: FrontEnd, by: str) -> None:
    """Raise UsageError unless a run makes the features of a front end; `by` is what asks for it."""
    if heard in config.frontends():
        return
    own, fields = config.frontend, FrontEndChange.model_fields
    missing = {
        name: getattr(heard, name) for name in fields if getattr(heard, name) != getattr(own, name)
    }
    wanted = [*(change.model_dump(exclude_none=True) for change in config.space.frontends), missing]
    raise UsageError(
        f"{by}: the run makes no features of {heard.sample_rate} Hz, a window of "
        f"{heard.win_length}, a hop of {heard.hop_length} and {heard.n_mels} bands; give a new run "
        f"--set 'space.frontends={json.dumps(wanted)}'."
    )


def _require_hand_made(
    config: RunConfig, space: SearchSpace, cost: Callable[[Genotype], Cost], limits: Limits
) -> None:
    """Raise UsageError unless a hand-made network is in the space and meets the limits."""
    own, what = hand_made(config, space), "search.strategy hand_made"
    if not config.baselines:
        example = "summed: {kernels: [f3+t3], expansion: 1}"
        raise UsageError(f"{what}: 'baselines' has no network; name one, such as {example}.")
    if not own:
        raise UsageError(
            f"{what}: no network of 'baselines' is in the space; give 'space' the kernels, paths "
            "and expansions that one of them has."
        )
    if not any(limits.met_by(cost(genotype)) for genotype in own):
        remedy = "Raise the limit, or give the space smaller channels or widths."
        raise unmet("hand-made network", own, cost, limits, remedy)


def hand_made(config: RunConfig, space: SearchSpace) -> list[Genotype]:
    """Return the baselines of the config, each also scaled in width, as far as they are in `space`.

    Their shape is that of the space that is nearest to the skeleton. Scaled are the width of all
    blocks, and the channels of stem and stages together: in every list the one at the same place.
    """
    own = [config.fixed_genotype(name) for name in config.baselines]
    shapes = scaled_shapes(space, config.skeleton, config.frontend)
    scaled = [
        Genotype(tuple(replace(gene, width=width) for gene in genotype.blocks), shape)
        for genotype in own
        for shape in shapes
        for width in sorted(config.space.widths, reverse=True)
    ]
    return list(dict.fromkeys(genotype for genotype in [*own, *scaled] if genotype in space))


def require_origins(config: RunConfig, manifest: Manifest) -> None:
    """Raise unless the run may learn from the weights and the teachers that its config names.

    Raises
    ------
    UsageError
        If the weights are not there, or their network hears something else.
    AscNasError
        If a file is damaged, a teacher has other labels, or the run's test clips are among those
        that the weights or a teacher were trained on.
    """
    test = manifest.with_role("test")
    if config.retrain.start_from is not None and not config.retrain.starts_from_supernet:
        start = Start.read(config.retrain.start_from)
        for frontend in config.frontends():
            start.require_heard(frontend)
        start.require_unheard([manifest.audio_path(clip) for clip in test])
    teacher = config.retrain.teacher
    for path in map(Path, teacher.logits if teacher is not None else ()):
        scores = ClipScores.read(path)
        scores.require_labels(manifest.labels, path)
        if teacher is not None and teacher.feature_weight:
            scores.require_embeddings(path)
        scores.require_unheard([clip.key for clip in test], path)
        if not config.data.skip_unreadable:  # of which a file may know nothing
            roles = config.retrain.roles
            scores.require_clips([c.key for c in manifest.clips if c.role in roles], path)


def require_recorders(config: RunConfig, manifest: Manifest) -> None:
    """Raise UsageError if trainings balance recording devices and no training clip has one."""
    if any(clip.device for clip in manifest.clips if clip.role != "test"):
        return  # in a cross-validation clips have roles in its folds only
    for settings in (config.supernet, config.retrain, config.rank):
        if isinstance(settings.balanced, str):
            raise UsageError(
                f"{settings.group}.balanced: {settings.balanced} needs recording devices, and no "
                f"training clip of {manifest.name} has one; set it to true (classes) or false."
            )


def require_parts(manifest: Manifest, folds: int) -> None:
    """Raise unless the clips that are not for the test can be cut into so many parts by group.

    Raises
    ------
    UsageError
        If they cannot.
    """
    clips = [clip for clip in manifest.clips if clip.role in ("train", "search_val")]
    groups = {clip.group or clip.key for clip in clips}
    most = min(len(groups), max(Counter(clip.label for clip in clips).values(), default=0))
    if folds > max(1, most):
        raise UsageError(
            f"search.folds: {manifest.name} has {len(groups)} groups of training clips, and {most} "
            f"parts at most can be cut from them, not {folds}; give a smaller number."
        )


def cost_of(config: RunConfig, classes: int) -> Callable[[Genotype], Cost]:
    """Return the function from a genotype to what it costs, without latency."""
    specs = specs_of(config, classes)
    return lambda genotype: count(specs(genotype), frontend_of(genotype.shape, config.frontend))


def specs_of(config: RunConfig, classes: int) -> Callable[[Genotype], NetSpec]:
    """Return the function from a genotype to its layers."""
    return lambda genotype: spec_of(genotype, config.skeleton, config.frontend, classes)


def size_limits(config: RunConfig) -> Limits:
    """Return the limits that need no layer to be measured."""
    return config.search.limits.model_copy(update={"max_latency_ms": None})
