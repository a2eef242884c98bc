"""Candidates judged out-of-fold against a single split: what it costs, and what it gains.

python studies/out_of_fold.py CONFIG --data FOLDER --out DIR [--folds 4] [--networks 12]

CONFIG may be a run directory, whose settings are taken; `--data` is not needed then.

The same networks, spread over the cost range, are judged by one supernet on search-val and by a
supernet per part on all training clips (`search.folds`). Kendall's tau of both says how well they
order the networks as trainings alone do: on the test clips after training on all others (the recipe
of `retrain`), on search-val, and out-of-fold (that of `rank`). The first are clips that neither
judge has seen; the others share their clips with one judge, and so its luck. Cost alone stands
beside. There is a table after each of the three, as the last takes by far the longest. Seconds are
of processor time, all processes together: other work on the machine matters less to them. What is
done is kept in DIR, so that a second call goes on.
"""

import os
from collections.abc import Callable
from pathlib import Path
from typing import Annotated, Any

import numpy as np
import typer
from progress import say

from asc_nas.core.files import read_json, write_json
from asc_nas.core.progress import Listener
from asc_nas.core.randomness import stream
from asc_nas.run.jobs import Job, spread
from asc_nas.run.networks import find_network
from asc_nas.run.population import supernet_evaluator
from asc_nas.run.preparation import prepare
from asc_nas.run.ranking import networks_to_rank
from asc_nas.run.run import Run
from asc_nas.run.search import train_supernet
from asc_nas.run.standalone import standalone_trainings, train_standalone
from asc_nas.run.training import train_networks
from asc_nas.search.objectives import Evaluation
from asc_nas.search.ranking import agreement
from asc_nas.space.genotype import Genotype

FORMAT = "asc-nas/study-seconds/1"
SIGNS = {"macro_f1": 1, "log_loss": -1}
"""What is compared; 1 where more is better."""

JUDGED_ON = ("search-val", "out-of-fold")
"""The clips that networks are judged on with one part, and with several."""

Scores = dict[str, list[float]]
"""By the name of a measure, its value for each network."""


class Seconds:
    """Processor seconds of steps, kept in a file; a step that went on from earlier has none."""

    def __init__(self, file: Path) -> None:
        self._file = file
        self.of = read_json(file, FORMAT)["seconds"] if file.exists() else {}

    def time(self, step: str, work: Callable[[], Any], *, whole: bool = True) -> Any:
        """Do `work`; note how long it took if it was done as a `whole`."""
        start = sum(os.times()[:4])
        found = work()
        took = sum(os.times()[:4]) - start
        say(0, 0, f"{step}: {took:.0f} s of processor time")
        if whole:
            self.of[step] = took
            write_json(self._file, {"format": FORMAT, "seconds": self.of})
        return found


def open_run(config: Path, data: Path | None, settings: list[str], out: Path, folds: int) -> Run:
    """Open the run in which networks are judged on so many parts."""
    told = Listener(lambda title, done, of, text: say(int(done), int(of), f"{title} {text}"))
    changes = [*settings, f"search.folds={folds}"]
    run = Run.open(config, data, changes, out / f"folds-{folds}", listener=told)
    prepare(run)
    return run


def by_supernets(run: Run, genotypes: list[Genotype], seconds: Seconds) -> Scores:
    """Return the scores of the networks by the run's supernets."""
    folds = run.config.search.folds
    fresh = not any(place.weights.exists() or place.state.exists() for place in run.supernets)
    seconds.time(f"supernets, {folds}", lambda: train_supernet(run), whole=fresh)

    def judge() -> list[Evaluation]:
        return supernet_evaluator(run, recalibration=True)(genotypes)

    return scores_of(seconds.time(f"judging, {folds}", judge), 1)


def alone(run: Run, genotypes: list[Genotype], workers: int, seconds: Seconds) -> Scores:
    """Return the scores of the networks trained alone, on the clips that supernets judge on."""
    folds, repeats, folder = run.config.search.folds, run.config.rank.repeats, run.paths.standalone
    trainings = standalone_trainings(run, genotypes, folder, repeats, folds)
    fresh = not folder.exists()
    with run.listener.stage(f"Alone, {folds}") as progress:
        jobs = [Job.of(run, train_standalone, training) for training in trainings]
        found = seconds.time(
            f"alone, {folds}", lambda: spread(run, jobs, workers, progress), whole=fresh
        )
    return scores_of(found, repeats)


def scores_of(found: list, repeats: int) -> Scores:
    """Return each measure of each network, the mean over its trainings, which stand in a row."""
    return {
        name: np.reshape([getattr(one, name) for one in found], (-1, repeats)).mean(1).tolist()
        for name in SIGNS
    }


def main(
    config: Path,
    out: Annotated[Path, typer.Option()],
    data: Path | None = None,
    folds: int = 4,
    networks: int = 12,
    workers: int = 2,
    settings: Annotated[list[str], typer.Option("--set")] = [],  # noqa: B006
) -> None:
    changes = [*settings, f"rank.networks={networks}"]
    runs = [open_run(config, data, changes, out, count) for count in (1, folds)]
    whole, seconds = runs[0], Seconds(out / "seconds.json")
    genotypes = networks_to_rank(whole)
    macs = [float(whole.cost(genotype).macs) for genotype in genotypes]
    judges = {"MACs alone": {name: [sign * m for m in macs] for name, sign in SIGNS.items()}}
    for run, clips in zip(runs, JUDGED_ON, strict=True):
        judges[f"supernet, {clips}"] = by_supernets(run, genotypes, seconds)
    named = [find_network(whole, str(genotype)) for genotype in genotypes]
    tested = train_networks([whole], named, [whole.config.seed], workers)
    truths = {"test": scores_of(tested, 1)}
    show(judges, truths, seconds)
    for run, clips in zip(runs, JUDGED_ON, strict=True):
        truths[clips] = alone(run, genotypes, workers, seconds)
        judges[f"alone, {clips}"] = truths[clips]
        show(judges, truths, seconds)


def show(judges: dict[str, Scores], truths: dict[str, Scores], seconds: Seconds) -> None:
    """Print how well each judge agrees with each truth, and the seconds so far."""
    count = len(truths["test"]["macro_f1"])
    print(f"\n{count} networks; Kendall's tau with trainings alone on (95 % interval)")
    print(f"{'judge':<24}{'measure':<10}" + "".join(f"{truth:>24}" for truth in truths))
    for judge, scores in judges.items():
        for name in SIGNS:
            cells = []
            for truth, wanted in truths.items():
                rng = stream(0, "out of fold", judge, truth, name)
                found = agreement(scores[name], wanted[name], rng)
                cells.append(f"{found.tau:.2f} ({found.low:.2f} to {found.high:.2f})")
            print(f"{judge:<24}{name:<10}" + "".join(f"{cell:>24}" for cell in cells))
    taken = ", ".join(f"{step} {took:.0f}" for step, took in seconds.of.items())
    print(f"processor seconds: {taken}", flush=True)


if __name__ == "__main__":
    main.__doc__ = __doc__.partition("\n")[0]
    typer.run(main)
