"""The worst mistakes of a trained network on the test clips, to be looked at and listened to."""

from collections.abc import Sequence

import numpy as np

from asc_nas.audio.io import AudioError
from asc_nas.core.errors import AscNasError, UsageError
from asc_nas.data.examples import Examples
from asc_nas.data.manifest import Clip
from asc_nas.report.clips import audio_ogg, spectrogram_png
from asc_nas.report.run_report import Mistake, Mistakes, Network
from asc_nas.run.folder import Context
from asc_nas.run.networks import NamedNetwork, network_folder
from asc_nas.space.genotype import Genotype
from asc_nas.training import checkpoint
from asc_nas.training.network_trainer import new_network
from asc_nas.training.trainer import posteriors


def worst_mistakes(
    context: Context,
    networks: Sequence[Network],
    count: int,
    wanted: str | None,
    missing: dict[str, str],
) -> Mistakes | None:
    """Return the wrong test clips whose true label got least probability; None if there are none.

    Parameters
    ----------
    count : int
        Clips at most.
    wanted : str or None
        Name of the network; by default the trained member that is best on search-val.
    missing : dict
        Gets the reason under ``"mistakes"`` if there is nothing to show.

    Raises
    ------
    UsageError
        If `wanted` is none of the trained networks.
    """
    trained = [network for network in networks if network.results]
    names = [network.name for network in trained]
    if wanted is not None and wanted not in names:
        raise UsageError(
            f"--network is '{wanted}'; trained are {', '.join(names) or 'none yet'} "
            f"(in {context.paths.root})."
        )
    if count == 0:
        missing["mistakes"] = "Not asked for (--mistakes 0)."
        return None
    if not trained:
        missing["mistakes"] = "No network is trained from scratch yet."
        return None
    network = (
        next(network for network in trained if network.name == wanted)
        if wanted is not None
        else max(trained, key=lambda network: network.supernet_f1 or -1.0)
    )
    try:
        return _of_network(context, network, count)
    except AscNasError as error:
        missing["mistakes"] = f"Left out: {error}"
        return None


def _of_network(context: Context, network: Network, count: int) -> Mistakes:
    if network.spec is None:
        raise AscNasError("the layers of the network are not known.")
    seed = int(network.results[0]["seed"])
    module = new_network(network.spec, seed)
    named = NamedNetwork(network.name, Genotype.parse(network.genotype))
    checkpoint.load(network_folder(context, named, seed) / "model.safetensors", module)
    examples = context.examples("test")
    if not examples.num_clips:
        raise AscNasError(f"{context.paths.manifest}: no test clips.")
    beliefs = examples.clip_posteriors(posteriors(module, examples).numpy())
    targets = examples.clip_targets
    decided = beliefs.argmax(1)
    of_true = beliefs[np.arange(len(targets)), targets]
    wrong = np.flatnonzero(decided != targets)
    worst = wrong[np.argsort(of_true[wrong], kind="stable")][:count]
    by_key = {clip.key: clip for clip in context.manifest.clips}
    frontend = context.config.frontend
    return Mistakes(
        network,
        seed,
        len(targets),
        len(wrong),
        tuple(_mistake(context, examples, int(i), int(decided[i]), beliefs, by_key) for i in worst),
        frontend.seconds,
        frontend.highest,
    )


def _mistake(
    context: Context,
    examples: Examples,
    position: int,
    decided: int,
    beliefs: np.ndarray,
    by_key: dict[str, Clip],
) -> Mistake:
    clip = by_key[examples.clip_keys[position]]
    log_mel = np.asarray(context.store.features[context.store.rows(clip.key).start])
    target = int(examples.clip_targets[position])
    audio, reason = None, ""
    try:
        audio = audio_ogg(context.manifest.audio_path(clip), clip)
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
