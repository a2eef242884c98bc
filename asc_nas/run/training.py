"""Training of networks from scratch, and their one test: one after the other or side by side."""

from collections.abc import Sequence
from dataclasses import asdict, dataclass
from functools import partial

from asc_nas.core.progress import Progress, unheard
from asc_nas.core.workers import run_jobs
from asc_nas.evaluation.result import LoggedEpoch, Result, Results
from asc_nas.nn.subnet import SubNet
from asc_nas.run.folder import RunFolder
from asc_nas.run.jobs import Job, spread
from asc_nas.run.network_folder import NetworkFolder
from asc_nas.run.networks import NamedNetwork
from asc_nas.run.scoring import judged
from asc_nas.run.teachers import taught_recipe, teachers_of, train_teacher
from asc_nas.training.trainer import posteriors


@dataclass(frozen=True)
class Training:
    """One network to train with one seed; `run` names its run where there are several."""

    network: NamedNetwork
    seed: int
    run: str = ""

    def __str__(self) -> str:
        run = f"{self.run}: " if self.run else ""
        return f"{run}{self.network.name}, seed {self.seed}"


def retrain(run: RunFolder, training: Training, progress: Progress = unheard) -> Result:
    """Train a network from scratch and test it once, with the last epoch's weights.

    A finished one is read, an unfinished one goes on from its saved state. Several ranks train it
    together, and the first tests it.
    """
    folder, ranks = training.network.folder(run, training.seed), run.ranks
    done = ranks.by_first(folder.result)
    if done is not None:
        folder.finish()  # which a kill may have come before
        return done
    with folder.lock():
        done = ranks.by_first(folder.result)  # perhaps by another process, just now
        return _train_and_test(training.network.name, folder, progress) if done is None else done


def _train_and_test(name: str, folder: NetworkFolder, progress: Progress) -> Result:
    run, roles = folder.run, folder.run.config.retrain.roles
    network, log = folder.train(taught_recipe(run, roles, progress), progress)
    return run.ranks.by_first(partial(tested_once, name, folder, network, log, roles))


def tested_once(
    name: str, folder: NetworkFolder, network: SubNet, log: list[LoggedEpoch], roles: Sequence[str]
) -> Result:
    """Test a network that is trained, once, and write its result.

    Parameters
    ----------
    name : of the network
    roles : of the clips that it was trained on
    """
    run = folder.run
    cost, manifest = run.cost(folder.genotype), run.manifest
    test = run.examples("test", frontend=run.frontend(folder.genotype))
    found = test.clip_posteriors(posteriors(network, test).numpy())
    tests = judged(manifest, test, found)
    scores = asdict(tests.scores)
    tested, in_test = len(run.readable("test")), len(manifest.with_role("test"))
    result = Result(
        network=name,
        genotype=str(folder.genotype),
        **scores | {"confusion": [list(row) for row in scores["confusion"]]},
        labels=list(manifest.labels),
        intervals=tests.intervals,
        macs=cost.macs,
        macs_per_second=cost.macs_per_second,
        params=cost.params,
        ram_bytes=cost.ram_bytes,
        latency_ms=cost.latency_ms,
        data=manifest.name,
        trained_on=list(roles),
        test_clips=tested,
        test_clips_left_out=in_test - tested,
        decided=found.argmax(1).tolist(),
        seed=folder.seed,
        epochs=log,
    )
    logged = {score: scores[score] for score in ("accuracy", "macro_f1", "log_loss")}
    run.events.write("test", logged, folder.path.name)
    result.write(folder.result_file)
    folder.finish()
    return result


def train_networks(
    runs: Sequence[RunFolder], networks: Sequence[NamedNetwork], seeds: Sequence[int], workers: int
) -> Results:
    """Train every network with every seed in each of several runs, which share the workers.

    Returns the results, those of a run in a row, and in it all seeds of a network in a row. The
    result of one training on one thread does not depend on `workers`.

    Parameters
    ----------
    networks, seeds : one that is given twice is trained once
    workers : int
        With 1, trainings follow one another on all threads; otherwise so many run side by side, on
        one thread each. Several ranks train one after the other, all of them every network.

    Raises
    ------
    AscNasError
        After all trainings, if some failed: which, and why. With several ranks at the first.
    """
    opened = {run.paths.root.absolute(): run for run in runs}
    first, stage = runs[0], runs[0].listener.stage
    jobs = [
        Job.of(run, retrain, Training(network, seed, root.name if len(opened) > 1 else ""))
        for root, run in opened.items()
        for network in dict.fromkeys(networks)
        for seed in dict.fromkeys(seeds)
    ]

    def train_here(job: Job) -> Result:
        with stage(f"Training {job}") as progress:
            return retrain(opened[job.root], job.item, progress)

    if first.ranks.size > 1:  # which stay together: none goes on alone after a failure
        return Results([train_here(job) for job in jobs])
    workers = first.most_workers(workers)
    if first.stays_here(workers):
        return Results(run_jobs(train_here, jobs, workers))
    teachers = [
        Job.of(run, train_teacher, teacher)
        for run in opened.values()
        for teacher in teachers_of(run, run.config.retrain.roles)
        if not teacher.folder(run).has()
    ]
    if teachers:  # first, as every network needs them all
        with stage(f"Training {len(teachers)} teachers") as progress:
            spread(first, teachers, workers, progress)
    with stage(f"Training {len(jobs)} networks") as progress:
        progress(0, len(jobs), f"{min(workers, len(jobs))} at a time")
        return Results(spread(first, jobs, workers, progress))
