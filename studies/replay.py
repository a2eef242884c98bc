"""Which of the trainings that are done strategies would have chosen, and how good the front is.

python studies/replay.py RUN [--supernet RUN ...] [--seeds 20] [--first 12] [--batch 4]

RUN was ranked (`asc-nas rank`): its networks were trained alone. Strategies choose from them, one
batch after the other, as if each choice cost a training: `random`; `supernet`, the fronts of the
scores with shared weights, the best first (also of other runs that ranked the same networks); and
`surrogate`, as `search.strategy: surrogate` does after a first random batch, also with the score
with shared weights as a further feature. The table has the
hypervolume of what was chosen by its trainings, as a share of that of all networks: mean and
deviation over seeds, which are other first networks or, with `supernet`, other supernets.
"""

from collections.abc import Iterator, Sequence
from pathlib import Path
from typing import Annotated

import numpy as np
import typer
from predictors import trained
from progress import say

from asc_nas.core.randomness import stream
from asc_nas.run.run import Run
from asc_nas.search.evaluator import Evaluate
from asc_nas.search.limits import Limits
from asc_nas.search.objectives import Evaluation, Objective
from asc_nas.search.pareto import hypervolume, pareto_set
from asc_nas.search.strategies.strategy import SearchTask
from asc_nas.search.strategies.surrogate import SurrogateSearch, SurrogateSettings
from asc_nas.space.genotype import Genotype

MACS = Objective(name="macs", sense="min")
JUDGES = (Objective(name="log_loss", sense="min"), Objective(name="macro_f1", sense="max"))


class AmongTrained(SurrogateSearch):
    """The surrogate's search, where it may ask for some networks only."""

    def __init__(
        self, task: SearchTask, settings: SurrogateSettings, pool: Sequence[Evaluation]
    ) -> None:
        super().__init__(task, settings)
        self._pool = pool

    def _predicted(self) -> list[Evaluation]:
        known = {evaluation.genotype for evaluation in self._judged}
        left = [e for e in self._pool if e.genotype not in known]
        return self._hoped(left, self._models(self._judged))


def at_random(pool: Sequence[Evaluation], rng: np.random.Generator) -> list[Evaluation]:
    return [pool[i] for i in rng.permutation(len(pool))]


def by_fronts(
    pool: Sequence[Evaluation], shared: Sequence[Evaluation], objectives: Sequence[Objective]
) -> list[Evaluation]:
    """Return what was trained in the order of its fronts by other scores, each from both ends."""
    own, left, order = {e.genotype: e for e in pool}, list(shared), []
    while left:
        front = pareto_set(left, objectives)
        order += sorted(front, key=lambda e: min(front.index(e), len(front) - 1 - front.index(e)))
        left = [e for e in left if e not in front]
    return [own[e.genotype] for e in order]


def by_surrogate(
    run: Run, pool: Sequence[Evaluation], objectives: Sequence[Objective], first: int, batch: int,
    seed: int, shared: Evaluate | None = None,
) -> list[Evaluation]:  # fmt: skip
    task = SearchTask(
        run.config.search_space(),
        run.cost,
        tuple(objectives),
        Limits(),
        batch,
        len(pool),
        seed,
        shared=shared,
    )
    settings = SurrogateSettings(name="surrogate", first=first, enough=0)
    search = AmongTrained(task, settings, pool)
    own = {e.genotype: e for e in pool}
    chosen = at_random(pool, stream(seed, "replay"))[:first]
    search.tell(chosen)
    while len(chosen) < len(pool):
        asked = [own[genotype] for genotype in search._promising()]
        if not asked:  # nothing more is promised: the others come at random
            rest = [e for e in at_random(pool, stream(seed, "rest")) if e not in chosen]
            return chosen + rest
        search.tell(asked)
        chosen += asked
    return chosen


def volumes(
    order: Sequence[Evaluation], pool: Sequence[Evaluation], objectives: Sequence[Objective]
) -> Iterator[float]:
    """Return the share of the whole hypervolume after each training."""
    ideal = {o.name: 1.0 if o.sense == "max" else 0.0 for o in objectives}
    nadir = {
        o.name: (min if o.sense == "max" else max)(getattr(e, o.name) for e in pool)
        for o in objectives
    }
    whole = hypervolume(pool, objectives, ideal, nadir)
    for count in range(1, len(order) + 1):
        yield hypervolume(order[:count], objectives, ideal, nadir) / whole


def main(
    run: Path,
    supernet: Annotated[list[Path] | None, typer.Option()] = None,
    seeds: int = 20,
    first: int = 12,
    batch: int = 4,
) -> None:
    own = Run.open(run)
    pool, shared = trained(own)
    others = [trained(Run.open(path))[1] for path in supernet or []]
    counts = range(first, len(pool), batch)
    known = {e.genotype: e for e in shared}

    def asked(genotypes: Sequence[Genotype]) -> list[Evaluation]:
        return [known[genotype] for genotype in genotypes]

    print(f"{len(pool)} networks; share of their hypervolume after so many trainings")
    print(f"{'':18}{'score':<10}" + "".join(f"{count:>16}" for count in counts))
    for score in JUDGES:
        objectives = (score, MACS)
        orders = {
            "random": [at_random(pool, stream(s, "random")) for s in range(50 * seeds)],
            "supernet": [by_fronts(pool, one, objectives) for one in (shared, *others) if one],
            "surrogate": [],
            "... and supernet": [],
        }
        for seed in range(seeds):
            given = own, pool, objectives, first, batch, seed
            orders["surrogate"].append(by_surrogate(*given))
            if known:
                orders["... and supernet"].append(by_surrogate(*given, asked))
            say(seed + 1, seeds, f"replayed, {score.name}")
        for name, found in orders.items():
            if not found:
                continue
            table = np.array([list(volumes(order, pool, objectives)) for order in found])
            cells = [
                f"{table[:, count - 1].mean():.3f} +- {table[:, count - 1].std():.3f}"
                for count in counts
            ]
            print(f"{name:<18}{score.name:<10}" + "".join(f"{cell:>16}" for cell in cells))


if __name__ == "__main__":
    main.__doc__ = __doc__.partition("\n")[0]
    typer.run(main)
