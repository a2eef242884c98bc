"""Adaptation of a trained network to recording devices, and the comparison on test after it."""

from collections.abc import Sequence

from asc_nas.core.errors import UsageError, closest
from asc_nas.core.progress import Progress, unheard
from asc_nas.core.workers import run_jobs
from asc_nas.evaluation.gain import Adapted
from asc_nas.evaluation.result import LoggedEpoch, Result
from asc_nas.nn.subnet import SubNet
from asc_nas.run.adapted import AdaptedFolder, AdaptedNetwork
from asc_nas.run.calibration import train_twin
from asc_nas.run.folder import RunFolder
from asc_nas.run.gain import compared
from asc_nas.run.jobs import Job, spread
from asc_nas.run.network_folder import TWIN, WEIGHTS, NetworkFolder, Recipe, new_trainer
from asc_nas.run.networks import NamedNetwork, find_network
from asc_nas.run.training import Training, tested_once
from asc_nas.training.adaptation import adapt_network
from asc_nas.training.trainer import Hooks


def adapt_to(run: RunFolder, training: Training, progress: Progress = unheard) -> Result:
    """Adapt a network to a recording device and test it once, with the last epoch's weights.

    A finished one is read, an unfinished one goes on from its saved state.

    Raises
    ------
    AscNasError
        If one lies there that was adapted otherwise.
    """
    network = training.network
    assert isinstance(network, AdaptedNetwork)
    folder = network.folder(run, training.seed)
    folder.require_same()
    done = folder.result()
    if done is not None:
        folder.finish()  # which a kill may have come before
        return done
    with folder.lock():
        folder.require_same()
        done = folder.result()  # perhaps by another process, just now
        return _adapt(network, folder, progress) if done is None else done


def _adapt(network: AdaptedNetwork, folder: AdaptedFolder, progress: Progress) -> Result:
    general = network.general.folder(folder.run, folder.seed)
    roles = tuple(general.require_result().trained_on)
    folder.adaptation().write(folder.adaptation_file)
    recipe = Recipe(folder.run.config.adapt, roles, "adapt")
    module, log = _fit(general, folder, recipe, progress)
    return tested_once(network.name, folder, module, log, roles)


def _fit(
    general: NetworkFolder,
    folder: AdaptedFolder,
    recipe: Recipe,
    progress: Progress,
    weights: str = WEIGHTS,
) -> tuple[SubNet, list[LoggedEpoch]]:
    """Train weights of the general network on, write them and return them with the log."""
    run, frontend = folder.run, folder.run.frontend(folder.genotype)
    state, hooks = folder.state_file(weights), Hooks(progress=progress)
    trainer = new_trainer(run, frontend, folder.seed, recipe, state, folder.path.name, hooks)
    module = general.load_as_trained(weights)
    examples = run.examples(*recipe.roles, frontend=frontend)
    log = adapt_network(module, examples, folder.recorder, trainer)
    folder.save(module, weights)
    return module, log


def ensure_twin(network: NamedNetwork, folder: NetworkFolder) -> None:
    """Train what calibrates a network, see `train_twin`; for an adapted one adapt the general twin.

    Raises
    ------
    AscNasError
        If no training clip but those of search-val is of the recording device.
    """
    if not (isinstance(network, AdaptedNetwork) and isinstance(folder, AdaptedFolder)):
        train_twin(folder, network.name)
        return
    if "search_val" not in folder.require_result().trained_on or folder.is_done(TWIN):
        return
    run, general = folder.run, network.general.folder(folder.run, folder.seed)
    train_twin(general, network.general.name)
    with folder.lock(), run.listener.stage(f"Adapting the twin of {network.name}") as progress:
        folder.require_same()
        _fit(general, folder, Recipe(run.config.adapt, ("train",), ""), progress, TWIN)
        folder.finish(TWIN)


def adapt(
    run: RunFolder,
    text: str,
    recorders: Sequence[str] = (),
    *,
    seed: int | None = None,
    workers: int | None = None,
) -> Adapted:
    """Adapt a trained network to recording devices and compare it with the adapted ones on test.

    Parameters
    ----------
    text : the network, as for `find_network`
    recorders : recording devices; by default all that its training heard
    seed : with which it was trained; by default the run's
    workers : trainings side by side, on one thread each; by default `retrain.workers`

    Raises
    ------
    UsageError
        If there is no such network, or a device is none of its training.
    AscNasError
        If it is not trained, was adapted otherwise, or a training fails.
    """
    network, used = find_network(run, text), run.config.seed if seed is None else seed
    folder = network.folder(run, used)
    known = _heard(run, folder.require_result().trained_on)
    chosen = _chosen(run, recorders, known)
    networks = {name: AdaptedNetwork.of(network, name) for name in chosen}
    jobs = [Job.of(run, adapt_to, Training(each, used)) for each in networks.values()]

    def adapt_here(job: Job) -> Result:
        with run.listener.stage(f"Adapting {job}") as progress:
            return adapt_to(run, job.item, progress)

    most = run.most_workers(run.config.retrain.workers if workers is None else workers)
    if run.stays_here(most):
        run_jobs(adapt_here, jobs, most)
    else:
        with run.listener.stage(f"Adapting {network.name}") as progress:
            spread(run, jobs, most, progress)
    folders = {name: each.folder(run, used) for name, each in networks.items()}
    found = compared(folder, folders, known)
    found.write(run.paths.adapted(f"{folder.path.name}.json"))
    return found


def _heard(run: RunFolder, roles: Sequence[str]) -> list[str]:
    """Return the recording devices of the clips with these roles, in the order of their names."""
    return sorted({clip.device for role in roles for clip in run.readable(role)} - {""})


def _chosen(run: RunFolder, recorders: Sequence[str], known: Sequence[str]) -> list[str]:
    """Return the recording devices to adapt to."""
    if not known:
        raise UsageError(
            f"{run.paths.root}: no training clip of {run.manifest.name} names its recording "
            "device, so there is nothing to adapt to."
        )
    for name in recorders:
        if name not in known:
            raise UsageError(
                f"--recorder {name}: no training clip is of it.{closest(name, known)} Recording "
                f"devices: {', '.join(known)}."
            )
    return list(dict.fromkeys(recorders or known))
