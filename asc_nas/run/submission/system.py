"""One system of a submission: counted, tested, and written into the inference package."""

from collections.abc import Mapping, Sequence
from dataclasses import asdict
from pathlib import Path
from typing import Literal

import numpy as np
import torch
from numpy.typing import NDArray
from torch import Tensor, nn

from asc_nas.core.errors import AscNasError
from asc_nas.cost.counts import layer_costs
from asc_nas.evaluation.scores import Decisions
from asc_nas.nn.int8_weights import with_int8_weights
from asc_nas.run.adapted import AdaptedNetwork
from asc_nas.run.dcase_report import augmentation_text, results_of
from asc_nas.run.folder import RunFolder
from asc_nas.run.network_folder import NetworkFolder
from asc_nas.run.networks import NamedNetwork
from asc_nas.run.submission.complexity import Complexity, complexity_of, require_allowed
from asc_nas.run.submission.confusion import write_confusion
from asc_nas.run.submission.contents import Entry
from asc_nas.run.submission.interface import GENERAL, type_of
from asc_nas.run.submission.package import Answering, write_module
from asc_nas.run.submission.places import output_of
from asc_nas.run.submission.rules import Label, Rules
from asc_nas.training.trainer import posteriors

NumericType = Literal["float32", "float16", "int8"]
"""Of the parameters; with int8 those of convolutions, all others are float32."""


def _loaded(folders: Sequence[NetworkFolder], numeric_type: NumericType) -> Answering:
    networks = []
    for folder in folders:
        folder.require_result()
        network = folder.load().cpu()
        if numeric_type == "int8":
            with_int8_weights(network)
        if numeric_type == "float16":
            network.half()
            if not all(bool(value.isfinite().all()) for value in network.state_dict().values()):
                raise _too_large("weights or variances")
        networks.append(network)
    return Answering(tuple(networks), folders[0].run.frontend(folders[0].genotype))


def _too_large(what: str) -> AscNasError:
    return AscNasError(
        f"--half: a network has {what} that float16 cannot hold; leave the option out, or train it "
        "again with a lower learning_rate."
    )


def write_system(
    run: RunFolder,
    folder: Path,
    label: Label,
    split: str,
    rules: Rules,
    system: Mapping[str, NamedNetwork],
    *,
    seeds: Sequence[int],
    numeric_type: NumericType,
) -> Entry:
    """Hold a system against the rules, test it, and write its module and its figure.

    Parameters
    ----------
    folder : of the submission
    system : by device; the network of all others is called `GENERAL`
    seeds : with which the networks were trained; those of several seeds answer together
    numeric_type : that their weights get

    Returns
    -------
    entry : what the meta file and the report say of it

    Raises
    ------
    AscNasError
        If a network is not trained, or breaks a limit.
    """
    answering = {
        device: _loaded([network.folder(run, seed) for seed in seeds], numeric_type)
        for device, network in system.items()
    }
    costs = {
        device: _counted(run, system[device], answering[device], rules, numeric_type)
        for device in system
    }
    suffix = rules.suffix(split)
    module = f"{label}_{suffix}" if suffix else str(label)
    general, own = _tested(run, answering)
    results = {GENERAL: _results(run, general)}
    if own is not None:
        results["device_specific"] = _results(run, own)
    write_module(
        folder / "inference",
        label.package,
        module,
        str(label),
        answering,
        run.manifest.labels,
        output_of(folder, str(label), suffix),
    )
    write_confusion(own or general, folder / "report" / f"confusion_{module}.png")
    if numeric_type != "float32":
        _tell_of_type(run, system[GENERAL], seeds, numeric_type, general)
    adapted = any(isinstance(network, AdaptedNetwork) for network in system.values())
    return Entry(
        label=str(label),
        split=split,
        module=module,
        run=str(run.paths.root),
        networks={
            device: {
                "genotype": str(network.genotype),
                "seeds": list(seeds),
                **asdict(costs[device]),
            }
            for device, network in system.items()
        },
        numeric_type=numeric_type,
        description=_description(run, answering[GENERAL], numeric_type, adapted),
        results=results,
        layers=[
            [layer.name, len(seeds) * layer.params, len(seeds) * layer.macs]
            for layer in layer_costs(run.spec(system[GENERAL].genotype))
        ],
    )


def _counted(
    run: RunFolder,
    network: NamedNetwork,
    answering: Answering,
    rules: Rules,
    numeric_type: NumericType,
) -> Complexity:
    """Count a network as the organisers do, and hold it against our own count and the limits."""
    found = complexity_of(answering.network, (1, 1, *answering.front_end.size))
    cost, members = run.cost(network.genotype), len(answering.networks)
    expected = members * cost.nessi_macs, members * cost.params
    if (found.macs, found.params) != expected:
        raise AscNasError(
            f"{network.name}: counted as the organisers do it has {found.macs:,} "
            f"multiply-accumulates and {found.params:,} parameters, by its layers "
            f"{expected[0]:,} and {expected[1]:,}; please report this."
        )
    require_allowed(found, rules, network.name, smaller=numeric_type == "float32")
    return found


class _InItsType(nn.Module):
    """A network that takes float32, whatever the type of its parameters is."""

    def __init__(self, network: nn.Module) -> None:
        super().__init__()
        self.network = network
        self.dtype = type_of(network)

    def forward(self, x: Tensor) -> Tensor:
        return self.network(x.to(self.dtype)).float()


def _posteriors(run: RunFolder, answering: Answering) -> NDArray[np.float64]:
    examples = run.examples("test", frontend=answering.front_end)
    network = _InItsType(answering.network)
    with torch.no_grad():
        found = posteriors(network, examples)
    if network.dtype == torch.float16 and not found.isfinite().all():
        raise _too_large("activations")
    return examples.clip_posteriors(found.numpy())


def _tested(
    run: RunFolder, answering: Mapping[str, Answering]
) -> tuple[Decisions, Decisions | None]:
    """Return the decisions about the test clips: of the general network, and with all networks."""
    labels, clips = run.manifest.labels, run.readable("test")
    targets = np.array([run.manifest.label_index(clip) for clip in clips], dtype=np.int64)
    general = _posteriors(run, answering[GENERAL])
    together = general.copy()
    for device, each in answering.items():
        here = np.array([clip.device == device for clip in clips])
        if here.any():
            together[here] = _posteriors(run, each)[here]
    of_all = Decisions.of_posteriors(together, targets, labels) if len(answering) > 1 else None
    return Decisions.of_posteriors(general, targets, labels), of_all


def _results(run: RunFolder, decisions: Decisions) -> dict[str, object]:
    """Return what the meta file says; the overall accuracy is the mean of the classes."""
    found = results_of(decisions, [clip.device for clip in run.readable("test")])
    accuracies = [scores["accuracy"] for scores in found["class_wise"].values()]
    found["overall"]["accuracy"] = round(float(np.mean(accuracies)), 2)
    return found


def _tell_of_type(
    run: RunFolder,
    network: NamedNetwork,
    seeds: Sequence[int],
    numeric_type: NumericType,
    decisions: Decisions,
) -> None:
    """Say what another numeric type costs."""
    folders = [network.folder(run, seed) for seed in seeds]
    exact = _tested(run, {GENERAL: _loaded(folders, "float32")})[0]
    alike = float((exact.decided == decisions.decided).mean())
    run.listener.say(
        f"{network.name} in {numeric_type}: accuracy {decisions.scores().accuracy:.3f} (float32 "
        f"{exact.scores().accuracy:.3f}), {alike:.1%} of {len(exact)} decisions alike"
    )


def _description(
    run: RunFolder, answering: Answering, numeric_type: NumericType, adapted: bool
) -> dict[str, object]:
    retrain = run.config.retrain
    teacher = retrain.teacher is not None
    pretrained = retrain.start_from is not None and not retrain.starts_from_supernet
    told = {
        "knowledge distillation": teacher,
        "precision_16": numeric_type == "float16",
        "weight quantization": numeric_type == "int8",
    }
    managed = ["neural architecture search", *(name for name, used in told.items() if used)]
    steps = {
        "pretraining": pretrained,
        "train teachers": teacher,
        "search": True,
        "train": True,
        "fine-tune by device": adapted,
    }
    return {
        "input_sampling_rate": f"{answering.front_end.sample_rate / 1000:g}kHz",
        "acoustic_features": "log-mel energies",
        "data_augmentation": augmentation_text(retrain.augment),
        "machine_learning_method": "CNN",
        "complexity_management": ", ".join(managed),
        "pipeline": ", ".join(name for name, done in steps.items() if done),
        "framework": "pytorch",
    }
