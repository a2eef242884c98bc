"""Supernet training and search, from features to the Pareto set."""

import math
from collections.abc import Callable, Iterable, Sequence
from functools import lru_cache

import torch

from asc_nas.core.errors import AscNasError
from asc_nas.core.files import fingerprint, sha256, write_json
from asc_nas.core.randomness import derived_seed
from asc_nas.nn.supernet import Supernet, init_supernet
from asc_nas.run.folder import Context
from asc_nas.run.population import evaluator_of, population_evaluator
from asc_nas.search.evaluator import CachedEvaluator
from asc_nas.search.feasibility import require_feasible
from asc_nas.search.history import read_history, write_history
from asc_nas.search.objectives import SCORES, Evaluation, Objective, leading_score
from asc_nas.search.pareto import pareto_document, pareto_set, read_members
from asc_nas.search.shrinking import ShrinkingSchedule
from asc_nas.search.shrinking_log import ShrinkingEvent, read_events, write_events
from asc_nas.search.strategies.nsga2 import CostOf, nsga2
from asc_nas.space.genotype import Genotype
from asc_nas.training import checkpoint
from asc_nas.training.supernet_trainer import train_supernet
from asc_nas.training.trainer import Progress


def check_feasible(context: Context) -> None:
    """Raise an error if no genotype of the space meets the limits, or the latency table is missing.

    Raises
    ------
    UsageError
        If a limit cannot be met.
    AscNasError
        If the config asks for a latency table that is not in the run yet.
    """
    if context.config.latency is not None and context.latency_table is None:
        raise AscNasError(
            f"{context.paths.latency}: no latency table yet; run 'asc-nas search "
            f"{context.paths.root}', which makes it."
        )
    require_feasible(context.remaining_space(), context.cost, context.config.search.limits)


def supernet_step(
    context: Context,
    progress: Progress | None = None,
    announce: Callable[[str], None] | None = None,
) -> None:
    """Train the supernet unless that is done; goes on from a saved state.

    Parameters
    ----------
    announce : called with one line for each event that shrinks the space
    """
    paths, config = context.paths, context.config
    if paths.supernet.exists():
        return
    examples = context.examples("train")
    supernet = context.new_supernet()
    seed = config.seed if config.supernet.seed is None else config.supernet.seed
    init_supernet(supernet, torch.Generator().manual_seed(derived_seed(seed, "supernet")))
    supernet.input_norm.set_statistics(*examples.mel_statistics(supernet.input_norm.level))
    log = train_supernet(
        supernet,
        examples,
        config.supernet,
        seed=seed,
        state_file=paths.supernet_state,
        space_at=shrinking_schedule(context, supernet, announce),
        on_epoch=context.events.counter("supernet", "epoch"),
        progress=progress,
    )
    write_json(paths.supernet_log, {"format": "asc-nas/log/1", "epochs": log.epochs})
    write_json(paths.updates, log.updates)
    checkpoint.save(paths.supernet, supernet, {})
    paths.supernet_state.unlink(missing_ok=True)


def shrinking_schedule(
    context: Context, supernet: Supernet, announce: Callable[[str], None] | None = None
) -> ShrinkingSchedule | None:
    """Return the schedule by which the space shrinks in training, or None if it does not.

    Every event is written to ``shrinking.json`` before training goes on.
    """
    config = context.config
    shrinking = config.shrinking
    if shrinking is None:
        return None
    check_feasible(context)

    log = context.events.counter("shrinking", "epoch")

    def on_event(events: Sequence[ShrinkingEvent]) -> None:
        log(events[-1].epoch, {"candidates": sum(events[-1].sizes(after=True))})
        write_events(context.paths.shrinking, shrinking, events)
        if announce is not None:
            announce(str(events[-1]))

    return ShrinkingSchedule(
        supernet.space,
        shrinking,
        evaluator_of(context, supernet),
        context.cost,
        config.search.limits,
        seed=config.seed,
        events=read_events(context.paths.shrinking),
        on_event=on_event,
    )


def search_step(context: Context, progress: Progress | None = None) -> list[Evaluation]:
    """Search the trained supernet unless that is done; goes on from the last generation.

    Writes the history after every generation and the Pareto set at the end, and returns the set.
    """
    paths, search = context.paths, context.config.search
    if paths.pareto.exists():
        return read_pareto(context)
    belongs_to = evaluation_scope(context)
    generations: list[list[Evaluation]] = []
    log, score = context.events.counter("search", "generation"), leading_score(search.objectives)

    with population_evaluator(context, search.workers) as judge:
        evaluate = CachedEvaluator(judge, read_history(paths.history, belongs_to))
        known = len(evaluate.known)

        def on_generation(number: int, evaluations: list[Evaluation]) -> None:
            generations.append(evaluations)
            log(number, search_values(generations, score))
            if len(evaluate.known) > known or number == search.generations:
                write_history(paths.history, generations, belongs_to)
            best = best_of(evaluate.known.values(), score)
            if progress is not None:
                text = f"best {SCORES[score.name]} {best:.3f}"
                progress(number, search.generations, text)

        nsga2(
            context.remaining_space(),
            evaluate,
            cached_cost(context),
            search,
            seed=derived_seed(context.config.seed, "search"),
            on_generation=on_generation,
        )
    evaluated = [evaluation for generation in generations for evaluation in generation]
    members = pareto_set(evaluated, search.objectives)
    write_json(paths.pareto, pareto_document(members))
    return members


def search_values(
    generations: Sequence[Sequence[Evaluation]], score: Objective
) -> dict[str, float]:
    """Return what the search logs after so many generations."""
    found = {e.genotype: e for evaluations in generations for e in evaluations}
    return {"evaluated": len(found), f"best_{score.name}": best_of(found.values(), score)}


def best_of(evaluations: Iterable[Evaluation], score: Objective) -> float:
    """Return the best value of a score; NaN of none."""
    values = [getattr(evaluation, score.name) for evaluation in evaluations]
    best = max if score.sense == "max" else min
    return float(best(values, default=math.nan))


def evaluation_scope(context: Context) -> dict[str, str]:
    """Return what an evaluation depends on: supernet, search-val split and latency table."""
    roles = [[clip.key, clip.role] for clip in context.manifest.clips]
    scope = {"supernet": sha256(context.paths.supernet), "split": fingerprint(roles)}
    if context.latency_table is not None:
        scope["latency"] = sha256(context.paths.latency)
    return scope


def cached_cost(context: Context) -> CostOf:
    """Return `context.cost` that remembers."""
    remembered: Callable[[Genotype], object] = lru_cache(maxsize=None)(context.cost)
    return remembered  # type: ignore[return-value]


def read_pareto(context: Context) -> list[Evaluation]:
    """Return the members of ``search/pareto.json`` in its order (position is the member's id).

    Raises
    ------
    AscNasError
        If there is none yet.
    """
    if not context.paths.pareto.exists():
        raise AscNasError(f"{context.paths.root}: no Pareto set yet; run 'asc-nas search' first.")
    rows = read_members(context.paths.pareto)
    known = {
        str(e.genotype): e for e in read_history(context.paths.history, evaluation_scope(context))
    }
    try:
        return [known[row["genotype"]] for row in rows]
    except KeyError as error:
        raise AscNasError(
            f"{context.paths.pareto}: does not belong to this run's search history; delete it and "
            "run 'asc-nas search' again."
        ) from error
