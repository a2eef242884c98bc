"""Temperature and limit of rejection of a trained network, fitted on search-val."""

from dataclasses import dataclass
from typing import Any, Self

import numpy as np
import torch

from asc_nas.data.examples import Examples
from asc_nas.evaluation.rejection import fit_rejection
from asc_nas.evaluation.temperature import BINS, ClipLogits, fit_temperature
from asc_nas.run.network_folder import TWIN, NetworkFolder
from asc_nas.run.teachers import taught_recipe
from asc_nas.training.trainer import posteriors


@dataclass(frozen=True)
class Calibrated:
    """What is fitted on clips that a network was not trained on; see `ModelCard`."""

    temperature: float = 1.0
    reject_below: float = 0.0

    @classmethod
    def fit(cls, clips: ClipLogits) -> Self:
        """Fit the temperature, and with it the limit of rejection."""
        temperature = fit_temperature(clips)
        return cls(temperature, fit_rejection(clips.posteriors(temperature), clips.targets))


NOT_CALIBRATED = Calibrated()


def calibrate(
    module: torch.nn.Module, held_out: torch.nn.Module | None, search_val: Examples, test: Examples
) -> tuple[Calibrated, dict[str, Any]]:
    """Fit a temperature and a limit of rejection on search-val, and measure the former on test.

    Parameters
    ----------
    module : the network, from log-mel to logits
    held_out : `module`, or a twin trained alike, that has not seen search-val
        A network is surer of the clips it was trained on than of others, so without one nothing is
        fitted: the temperature is 1, and nothing is rejected.

    Returns
    -------
    calibrated : Calibrated
    calibration : dict
        ``fitted_on`` (``search_val``, ``search_val, twin``, or None), ``clips`` it was fitted on,
        and of `module` on test ``ece_before`` and ``ece_after`` (expected calibration error, 0 to
        1, in ``bins`` bins), ``log_loss_before`` and ``log_loss_after`` (nats).
    """
    fitted, fitted_on, clips = Calibrated(), None, 0
    if held_out is not None and len(search_val):
        fitted = Calibrated.fit(clip_logits(held_out, search_val))
        fitted_on = "search_val" if held_out is module else "search_val, twin"
        clips = search_val.num_clips
    found = clip_logits(module, test)
    return fitted, {
        "fitted_on": fitted_on,
        "clips": clips,
        "bins": BINS,
        "ece_before": found.calibration_error(1.0),
        "ece_after": found.calibration_error(fitted.temperature),
        "log_loss_before": found.log_loss(1.0),
        "log_loss_after": found.log_loss(fitted.temperature),
    }


def train_twin(folder: NetworkFolder, name: str) -> None:
    """Train a network like the one in `folder`, with its seed, but on train alone.

    Only one that was trained on search-val needs it. A finished one is kept, an unfinished one goes
    on from its saved state.
    """
    run = folder.run
    if "search_val" not in folder.require_result().trained_on or folder.is_done(TWIN):
        return
    with folder.lock(), run.listener.stage(f"Training the twin of {name}") as progress:
        folder.ensure(taught_recipe(run, ("train",), progress, step=""), progress, TWIN)


def clip_logits(module: torch.nn.Module, examples: Examples) -> ClipLogits:
    """Return what `module` says about `examples`: log probabilities, which serve as logits."""
    found = posteriors(module, examples).double().clamp_min(1e-30).log().numpy()
    return ClipLogits(found, np.asarray(examples.clips), examples.clip_targets)
