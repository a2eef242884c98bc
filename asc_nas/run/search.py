"""Supernet training and search, from features to the Pareto set."""

import math
from collections.abc import Callable, Iterable, Iterator, Sequence
from contextlib import contextmanager
from functools import lru_cache, partial

import torch

from asc_nas.core.errors import AscNasError, command
from asc_nas.core.randomness import derived_seed, stream
from asc_nas.nn.supernet import Supernet, init_supernet
from asc_nas.run.beginning import hand_made
from asc_nas.run.folder import RunFolder
from asc_nas.run.helpers import with_helpers
from asc_nas.run.networks import Pareto, read_pareto
from asc_nas.run.parts import trained_on
from asc_nas.run.paths import SupernetPaths
from asc_nas.run.population import evaluator_of, population_evaluator, shared_evaluator
from asc_nas.search.evaluator import CachedEvaluator, CostOf, Evaluate
from asc_nas.search.feasibility import require_feasible
from asc_nas.search.history import read_history, write_history
from asc_nas.search.objectives import SCORES, Evaluation, Objective, leading_score
from asc_nas.search.pareto import ParetoSet, pareto_set
from asc_nas.search.shrinking import ShrinkingSchedule
from asc_nas.search.shrinking_log import ShrinkingEvent, read_events, write_events
from asc_nas.search.strategies import new_strategy, search_with
from asc_nas.search.verdict import verdict
from asc_nas.space.genotype import Genotype
from asc_nas.space.hearing import frontend_of
from asc_nas.training import checkpoint
from asc_nas.training.supernet_trainer import SupernetLog
from asc_nas.training.supernet_trainer import train_supernet as train_shared
from asc_nas.training.trainer import Hooks, Trainer


def check_feasible(run: RunFolder) -> None:
    """Raise an error if no genotype of the space meets the limits, or the latency table is missing.

    Raises
    ------
    UsageError
        If a limit cannot be met.
    AscNasError
        If the config asks for a latency table that is not in the run yet.
    """
    if run.config.latency is not None and run.latency_table is None:
        makes = command("search", run.paths.root)
        raise AscNasError(f"{run.paths.latency}: no latency table yet; run '{makes}'.")
    require_feasible(run.remaining_space(), run.cost, run.config.search.limits)


def train_supernet(run: RunFolder) -> None:
    """Train the supernet, or one per part of the clips, unless that is done.

    Goes on from a saved state. Of several ranks the first writes; without torchrun there are
    `supernet.workers` of them.
    """
    ranks, places = run.ranks, run.supernets
    if not ranks.by_first(lambda: all(place.weights.exists() for place in places)):
        with_helpers(run, _train_parts)
    if ranks.first:
        for place in places:
            place.state.unlink(missing_ok=True)  # also where a kill came before it was


def _train_parts(run: RunFolder, _: None) -> None:
    for number, place in enumerate(run.supernets):
        if not run.ranks.by_first(place.weights.exists):
            _train_part(run, place, number)


def _train_part(run: RunFolder, place: SupernetPaths, number: int) -> None:
    config = run.config
    supernet = run.new_supernet()
    seed = config.seed if config.supernet.seed is None else config.supernet.seed
    init_supernet(supernet, torch.Generator().manual_seed(derived_seed(seed, "supernet")))
    hear = trained_on(run, number)
    for shape in supernet.space.inputs:
        norm = supernet.input_norm_of(shape)
        norm.set_statistics(*hear(frontend_of(shape, config.frontend)).mel_statistics(norm.level))
    with run.listener.stage(f"Supernet {place.part}".strip()) as progress:
        on_epoch = run.events.counter("supernet", "epoch", place.part)
        hooks = Hooks(on_epoch=on_epoch, progress=progress)
        trainer = Trainer(
            config.supernet,
            seed,
            place.state,
            hooks=hooks,
            device=run.device,
            precision=config.compute.precision,
            ranks=run.ranks,
        )
        schedule = shrinking_schedule(run, supernet)
        log = train_shared(
            supernet,
            hear(config.frontend),
            trainer,
            schedule,
            lambda genotype: hear(run.frontend(genotype)),
        )
    run.ranks.by_first(partial(_write, place, supernet, log))


def _write(place: SupernetPaths, supernet: Supernet, log: SupernetLog) -> None:
    log.epochs.write(place.log)
    log.updates.write(place.updates)
    checkpoint.save(place.weights, supernet, {})


def shrinking_schedule(run: RunFolder, supernet: Supernet) -> ShrinkingSchedule | None:
    """Return the schedule by which the space shrinks in training, or None if it does not.

    Every event is written to ``shrinking.json`` before training goes on. Several ranks take the
    scores and the events of the first.
    """
    config, shrinking = run.config, run.config.shrinking
    if shrinking is None:
        return None
    check_feasible(run)

    log, ranks = run.events.counter("shrinking", "epoch"), run.ranks
    evaluate = evaluator_of(run, [supernet])

    def on_event(events: Sequence[ShrinkingEvent]) -> None:
        log(events[-1].epoch, {"candidates": sum(events[-1].sizes_after)})
        if ranks.first:
            write_events(run.paths.shrinking, shrinking, events)
        run.listener.say(str(events[-1]))

    return ShrinkingSchedule(
        supernet.space,
        shrinking,
        lambda genotypes: ranks.agreed(evaluate(genotypes)),
        run.cost,
        config.search.limits,
        seed=config.seed,
        events=ranks.by_first(partial(read_events, run.paths.shrinking)),
        on_event=on_event,
    )


def search(run: RunFolder, enough: Callable[[int], bool] = lambda generation: False) -> Pareto:
    """Search unless that is done; goes on from the last generation.

    Writes the history after every generation and the Pareto set at the end, and returns the set.
    Where real trainings judge, and the first of them do not show that searching beats choosing by
    size, the set is that of the hand-made networks, unless `search.stop_sign` is off.

    Parameters
    ----------
    enough : asked after every generation that took time, by its number, whether the search must end
    """
    paths, config = run.paths, run.config.search
    if paths.pareto.exists():
        return read_pareto(run)
    belongs_to = run.evaluation_scope()
    generations: list[list[Evaluation]] = []
    log, score = run.events.counter("search", "generation"), leading_score(config.objectives)
    judging = population_evaluator(run, config.workers)
    space = run.remaining_space()
    first, stopped = hand_made(run.config, space), False
    may_stop = config.judge == "training" and config.strategy.learns

    with judging as judge, asked(run) as shared, run.listener.stage("Search") as progress:
        evaluate = CachedEvaluator(judge, read_history(paths.history, belongs_to))
        known = len(evaluate.known)

        def on_generation(number: int, evaluations: list[Evaluation]) -> bool:
            nonlocal stopped
            generations.append(evaluations)
            log(number, search_values(generations, score))
            judged = len(evaluate.known) > known
            if judged or number == config.rounds:
                write_history(paths.history, generations, belongs_to)
            best = best_of(evaluate.known.values(), score)
            progress(number, config.rounds, f"best {SCORES[score.name]} {best:.3f}")
            searched = any(e.genotype not in first for e in evaluations)
            if number == 1 and may_stop and searched:
                rng = stream(run.config.seed, "verdict")
                found = verdict(space, evaluations, score, rng, shared)
                goes_on = not (found.pays or config.stop_sign)
                found = found.model_copy(update={"searched_on": goes_on})
                found.write(paths.verdict)
                run.listener.say(found.sentence)
                stopped = found.ends
            return stopped or (judged and enough(number))

        seed = derived_seed(run.config.seed, "search")
        strategy = new_strategy(config, space, cached_cost(run), seed, first, shared)
        search_with(strategy, evaluate, on_generation)
    evaluated = [evaluation for generation in generations for evaluation in generation]
    by_hand = [e for e in evaluated if e.genotype in first]
    own = by_hand or evaluated if stopped else evaluated
    members = Pareto.of(pareto_set(own, config.objectives), config)
    ParetoSet.of(members).write(paths.pareto)
    return members


@contextmanager
def asked(run: RunFolder) -> Iterator[Evaluate | None]:
    """Give what judges with shared weights where the strategy asks that; what it said is kept."""
    if not run.config.search.strategy.asks:
        yield None
        return
    path, belongs_to = run.paths.shared_scores, run.shared_scope()
    with shared_evaluator(run, run.config.search.workers) as judge:
        evaluate = CachedEvaluator(judge, read_history(path, belongs_to))

        def judged(genotypes: Sequence[Genotype]) -> list[Evaluation]:
            known = len(evaluate.known)
            found = evaluate(genotypes)
            if len(evaluate.known) > known:
                write_history(path, [list(evaluate.known.values())], belongs_to)
            return found

        yield judged


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


def cached_cost(run: RunFolder) -> CostOf:
    """Return `run.cost` that remembers."""
    remembered: Callable[[Genotype], object] = lru_cache(maxsize=None)(run.cost)
    return remembered  # type: ignore[return-value]
