"""The worst mistakes of a trained network on the test clips, to be looked at and listened to."""

import numpy as np

from asc_nas.audio.io import AudioError
from asc_nas.core.errors import AscNasError, UsageError
from asc_nas.data.examples import Examples
from asc_nas.data.manifest import Clip
from asc_nas.report.run_report import Mistake, Mistakes, Network, RunReport
from asc_nas.run.folder import RunFolder
from asc_nas.run.networks import NamedNetwork
from asc_nas.space.genotype import Genotype
from asc_nas.training.trainer import posteriors


def worst_mistakes(
    run: RunFolder, report: RunReport, count: int, wanted: str | None
) -> Mistakes | None:
    """Return the wrong test clips whose true label got least probability; None if there are none.

    Parameters
    ----------
    report : RunReport
        Without mistakes; its `missing` gets the reason if there is nothing to show.
    count : int
        Clips at most.
    wanted : str or None
        Name of the network; by default the report's preferred one.

    Raises
    ------
    UsageError
        If `wanted` is none of the trained networks.
    """
    trained = {network.name: network for network in report.trained}
    if wanted is not None and wanted not in trained:
        raise UsageError(
            f"--network is '{wanted}'; trained are {', '.join(trained) or 'none yet'} "
            f"(in {run.paths.root})."
        )
    if count == 0:
        report.missing["mistakes"] = "Not asked for (--mistakes 0)."
        return None
    network = report.preferred if wanted is None else trained[wanted]
    if network is None or not network.results:
        report.missing["mistakes"] = "No network is trained from scratch yet."
        return None
    try:
        return _of_network(run, network, count)
    except AscNasError as error:
        report.missing["mistakes"] = f"Left out: {error}"
        return None


def _of_network(run: RunFolder, network: Network, count: int) -> Mistakes:
    seed = network.results[0].seed
    genotype = Genotype.parse(network.genotype)
    module = NamedNetwork(network.name, genotype).folder(run, seed).load()
    frontend = run.frontend(genotype)
    examples = run.examples("test", frontend=frontend)
    if not examples.num_clips:
        raise AscNasError(f"{run.paths.manifest}: no test clips.")
    beliefs = examples.clip_posteriors(posteriors(module, examples).numpy())
    targets = examples.clip_targets
    decided = beliefs.argmax(1)
    of_true = beliefs[np.arange(len(targets)), targets]
    wrong = np.flatnonzero(decided != targets)
    worst = wrong[np.argsort(of_true[wrong], kind="stable")][:count]
    by_key = {clip.key: clip for clip in run.manifest.clips}
    return Mistakes(
        network,
        seed,
        len(targets),
        len(wrong),
        tuple(_mistake(run, examples, int(i), int(decided[i]), beliefs, by_key) for i in worst),
        frontend.seconds,
        frontend.highest,
    )


def _mistake(
    run: RunFolder,
    examples: Examples,
    position: int,
    decided: int,
    beliefs: np.ndarray,
    by_key: dict[str, Clip],
) -> Mistake:
    from asc_nas.report.clips import audio_ogg, spectrogram_png

    clip = by_key[examples.clip_keys[position]]
    log_mel = np.asarray(examples.features[run.store(examples.frontend).rows(clip.key)[0]])
    target = int(examples.clip_targets[position])
    audio, reason = None, ""
    try:
        audio = audio_ogg(run.manifest.audio_path(clip), clip)
    except AudioError as error:
        reason = str(error)
    known = {"fold": clip.fold, "group": clip.group, "device": clip.device}
    return Mistake(
        clip.key,
        examples.labels[target],
        examples.labels[decided],
        (float(beliefs[position, target]), float(beliefs[position, decided])),
        "".join(f", {name} {value}" for name, value in known.items() if value),
        spectrogram_png(log_mel),
        audio,
        reason,
    )
