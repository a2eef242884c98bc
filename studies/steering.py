"""What steers a search by trainings, held against trainings that it has not seen.

python studies/steering.py RUN [--seeds 1] [--epochs 0] [--folds 0] [--networks 0] [--workers 2]

The networks that the search of RUN judged (all, or the first so many) are trained again, with so
many seeds that the search did not have; with --epochs, longer or shorter than it did, or with
--folds, out-of-fold over so many parts of the training clips, and then with its own seed too.
Kendall's tau with the mean of those says, over all costs and at equal cost: how well the surrogate
orders pairs of networks that it has not seen, how well cost alone does, and what bounds
both: how well the search's own training of the same network does, and the first of several seeds
with the others. What is trained is kept with the other trainings of RUN, so that a second call goes
on.
"""

from pathlib import Path
from typing import Annotated

import numpy as np
import typer
from progress import say

from asc_nas.core.progress import Listener
from asc_nas.core.randomness import stream
from asc_nas.run.folder import RunFolder
from asc_nas.run.jobs import Job, spread
from asc_nas.run.run import Run
from asc_nas.run.standalone import Standalone, standalone_trainings, train_standalone
from asc_nas.search.history import read_generations
from asc_nas.search.objectives import Objective
from asc_nas.search.verdict import Predicted, Predictor, expected, predictor

SCORES = (Objective(name="macro_f1", sense="max"), Objective(name="log_loss", sense="min"))
HEADING = f"{'':26}{'score':<10}{'all':>24}{'at equal cost':>24}"


def row_of(name: str, score: Objective, agrees: Predictor) -> str:
    """Return the row, under `HEADING`, of how well something orders networks by a score."""
    cells = [
        f"{tau.tau:.2f} ({tau.low:.2f} to {tau.high:.2f})"
        for tau in (agrees.overall, agrees.in_bands)
    ]
    return f"{name:<26}{score.name:<10}" + "".join(f"{cell:>24}" for cell in cells)


def main(
    run: Path,
    seeds: Annotated[int, typer.Option(min=1)] = 1,
    epochs: int = 0,
    folds: int = 0,
    networks: int = 0,
    workers: int = 2,
) -> None:
    told = Listener(lambda title, done, of, text: say(int(done), int(of), f"{title} {text}"))
    searched = Run.open(run, listener=told)
    config = searched.config
    recipe = config.rank.model_copy(update={"epochs": epochs or config.rank.epochs})
    trained = RunFolder(config.model_copy(update={"rank": recipe}), searched.paths, told)
    generations = read_generations(searched.paths.history)
    judged = list({e.genotype: e for generation in generations for e in generation}.values())
    judged = judged[: networks or None]
    genotypes = [evaluation.genotype for evaluation in judged]
    parts = folds or config.search.folds
    asked = (recipe.epochs, parts)
    seen = asked == (config.rank.epochs, config.search.folds)  # seed 0, by the search
    trainings = standalone_trainings(trained, genotypes, searched.standalone, seeds + seen, parts)
    with searched.listener.stage("Alone") as progress:
        jobs = [Job.of(trained, train_standalone, t) for t in trainings if t.seed >= seen]
        found: list[Standalone] = spread(trained, jobs, workers, progress)

    space, macs = searched.config.search_space(), [e.macs for e in judged]
    print(
        f"{len(judged)} networks of {min(macs) / 1e6:.2f} to {max(macs) / 1e6:.2f} M MACs; tau with"
    )
    print(
        f"{seeds} trainings of each, {recipe.epochs} epochs, not seen before (95 % interval)"
        + (f", out-of-fold in {parts} parts" if parts > 1 else "")
    )
    print(HEADING)
    for score in SCORES:
        sign = 1.0 if score.sense == "max" else -1.0
        values = np.reshape([getattr(one, score.name) for one in found], (-1, seeds))
        unseen = sign * values
        steers = {
            "surrogate, left out": expected(space, judged, score),
            "the same, trained": Predicted.of([sign * getattr(e, score.name) for e in judged]),
            "MACs": Predicted.of(macs),
            "parameters": Predicted.of([e.params for e in judged]),
        }
        truths = dict.fromkeys(steers, unseen.mean(1).tolist())
        if seeds > 1:
            steers["one seed with the others"] = Predicted.of(unseen[:, 0].tolist())
            truths["one seed with the others"] = unseen[:, 1:].mean(1).tolist()
        for name, guess in steers.items():
            rng = stream(0, "steering", name, score.name)
            agrees = predictor(guess, truths[name], macs, rng)
            print(row_of(name, score, agrees))


if __name__ == "__main__":
    main.__doc__ = __doc__.partition("\n")[0]
    typer.run(main)
