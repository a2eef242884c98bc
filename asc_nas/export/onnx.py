"""Export of a trained network to one ONNX file, checked against PyTorch before it is kept."""

import contextlib
import copy
import io
import logging
import warnings
from collections.abc import Iterator, Mapping, Sequence
from pathlib import Path
from typing import Any

import numpy as np
import onnx
import torch
from torch import nn

from asc_nas.audio.logmel import FrontEnd
from asc_nas.core.errors import AscNasError
from asc_nas.core.files import atomic_path, sha256
from asc_nas.export.fold_norms import fold_norms
from asc_nas.export.graph import OPSET
from asc_nas.export.joined import joined
from asc_nas.export.subnet_onnx import networks_of, subnet_onnx
from asc_nas.runtime.card import CardData, CardRecorder, ModelCard
from asc_nas.runtime.classifier import INPUT, OUTPUT, open_session, output_of, softmax
from asc_nas.runtime.onnx_file import check_network, one_network

TOLERANCE = 1e-4
_WHERE_IT_WAS_MADE = ("metadata_props", "doc_string", "value_info")


def export_model(
    module: nn.Module,
    example: np.ndarray,
    folder: Path,
    *,
    name: str,
    labels: tuple[str, ...],
    frontend: FrontEnd,
    genotype: str,
    macs: int,
    params: int,
    results: Mapping[str, Any],
    data: CardData,
    temperature: float = 1.0,
    reject_below: float = 0.0,
    members: int = 1,
    ram_bytes: int | None = None,
    float_ram_bytes: int | None = None,
    qat_share: float = 0.0,
    recorder: str = "",
    recorders: Sequence[tuple[CardRecorder, nn.Module]] = (),
) -> ModelCard:
    """Write ``folder/NAME.onnx`` and its card ``folder/NAME.json``; return the card.

    Parameters
    ----------
    module : nn.Module
        Network from (n, 1, mels, frames) float32 log-mel in dB to (n, classes) logits, in the
        order of `labels`.
    example : np.ndarray
        (n, mels, frames) float32 log-mel in dB: the clips the two networks are compared on.
    folder : Path
        Made if it is missing.
    name, labels, frontend, genotype, macs, params, results, data, temperature, reject_below,
    members, ram_bytes, float_ram_bytes, qat_share, recorder
        As in `ModelCard`; `bytes` and `sha256` are filled in here.
    recorders : sequence of (CardRecorder, nn.Module)
        Networks adapted to recording devices, which the file holds beside `module`.

    Raises
    ------
    AscNasError
        If the network cannot be exported, has another number of outputs than there are labels, or
        the exported network does not answer as PyTorch does.
    """
    target = folder / f"{name}.onnx"
    card = {
        "name": name,
        "labels": labels,
        "frontend": frontend,
        "temperature": temperature,
        "reject_below": reject_below,
        "genotype": genotype,
        "members": members,
        "macs": macs,
        "params": params,
        "ram_bytes": ram_bytes,
        "float_ram_bytes": float_ram_bytes,
        "qat_share": qat_share,
        "results": dict(results),
        "data": data,
        "recorder": recorder,
        "recorders": tuple(told for told, _ in recorders),
    }
    # A wrong value is found before anything is written.
    ModelCard.parse({**card, "bytes": 1, "sha256": "0" * 64}, f"the card of {name}")
    networks = {OUTPUT: module} | {output_of(told.recorder): own for told, own in recorders}
    _export(networks, frontend, example, target, len(labels))
    size, digest = target.stat().st_size, sha256(target)
    finished = ModelCard.parse({**card, "bytes": size, "sha256": digest}, f"the card of {name}")
    finished.write(folder / f"{name}.json")
    return finished


def export_onnx(module: nn.Module, frontend: FrontEnd, example: np.ndarray, target: Path) -> float:
    """Write `module` as ONNX and compare it with PyTorch; return the largest difference.

    Batch norms are folded into the convolutions before them. The file holds nothing of the machine
    it was made on: the same weights give the same bytes.

    Parameters
    ----------
    module : nn.Module
        Network from (n, 1, mels, frames) float32 log-mel in dB to (n, classes) logits, with its
        normalisation inside. It is left as it was; the copy that is exported is in eval mode.
    frontend : FrontEnd
        Gives the numbers of mels and frames.
    example : np.ndarray
        (n, mels, frames) float32 log-mel in dB, n at least 1.
    target : Path
        The ONNX file; written only if the check passes.

    Returns
    -------
    float
        Largest absolute difference of any probability.

    Raises
    ------
    AscNasError
        If `example` has another shape, the network cannot be exported, or a label differs or a
        probability differs by more than 1e-4.
    """
    return _export({OUTPUT: module}, frontend, example, target, None)


def _export(
    modules: Mapping[str, nn.Module],
    frontend: FrontEnd,
    example: np.ndarray,
    target: Path,
    classes: int | None,
) -> float:
    """Write networks by their outputs, `OUTPUT` first, to one file; see `export_onnx`."""
    shape = (frontend.n_mels, frontend.frames)
    if example.ndim != 3 or example.shape[1:] != shape or not len(example):
        raise AscNasError(
            f"export of {target.name}: the example clips have the shape {example.shape}; "
            f"expected (clips, {shape[0]}, {shape[1]})."
        )
    clips = np.ascontiguousarray(example[:, None], dtype=np.float32)
    networks = {output: copy.deepcopy(own).cpu().eval() for output, own in modules.items()}
    expected = {o: _answers(own, clips, classes, target.name) for o, own in networks.items()}
    model = joined({o: _to_onnx(own, shape, target.name) for o, own in networks.items()})
    with atomic_path(target) as temporary:
        temporary.write_bytes(model.SerializeToString(deterministic=True))
        content = temporary.read_bytes()
        try:
            check_network(content)
        except ValueError as error:
            raise AscNasError(
                f"export of {target.name}: classify would refuse the file: {error}; nothing was "
                "written."
            ) from error
        return max(
            _largest_difference(one_network(content, [*networks], o), clips, wanted, target.name)
            for o, wanted in expected.items()
        )


def _answers(network: nn.Module, clips: np.ndarray, classes: int | None, name: str) -> np.ndarray:
    """Return the logits of PyTorch, (clips, classes)."""
    with torch.inference_mode():
        found: np.ndarray = network(torch.from_numpy(clips)).numpy()
    if found.ndim != 2 or (classes is not None and found.shape[1] != classes):
        raise AscNasError(
            f"export of {name}: the network gives outputs of shape {found.shape} for "
            f"{len(clips)} clips; expected ({len(clips)}, {classes or 'classes'})."
        )
    return found


def _to_onnx(network: nn.Module, shape: tuple[int, int], name: str) -> onnx.ModelProto:
    if own := networks_of(network):
        return subnet_onnx(own, shape)
    return traced(network, shape, name)


def traced(network: nn.Module, shape: tuple[int, int], name: str) -> onnx.ModelProto:
    """Return any network as ONNX, by PyTorch's exporter.

    Parameters
    ----------
    shape : mels and frames
    name : of the file, for an error

    Raises
    ------
    AscNasError
        If it cannot be exported.
    """
    # Traced with two clips, as a batch of one would be taken for a constant.
    trace_input = torch.zeros(2, 1, *shape)
    try:
        with quiet():
            program = torch.onnx.export(
                network,
                (trace_input,),
                dynamo=True,
                verbose=False,
                opset_version=OPSET,
                input_names=[INPUT],
                output_names=[OUTPUT],
                dynamic_shapes=({0: torch.export.Dim("batch")},),
            )
            if program is None:
                raise RuntimeError("the exporter returned nothing")
            model = program.model_proto
    except Exception as error:  # the exporter wraps whatever its passes raise
        raise AscNasError(
            f"export of {name}: PyTorch could not export it: {_reason(error)}"
        ) from error
    _strip(model)
    fold_norms(model)
    return model


def _reason(error: BaseException) -> str:
    """Return the first line of the error at the root of a chain."""
    while error.__cause__ is not None:
        error = error.__cause__
    lines = str(error).strip().splitlines()
    return lines[0] if lines else type(error).__name__


def _strip(message: Any) -> None:
    """Clear stack traces, source paths and inferred shapes in a protobuf message, in place."""
    for field, value in message.ListFields():
        if field.name in _WHERE_IT_WAS_MADE:
            message.ClearField(field.name)
        elif field.message_type is not None:
            for inner in [value] if hasattr(value, "ListFields") else value:
                _strip(inner)


def _largest_difference(model: bytes, clips: np.ndarray, expected: np.ndarray, name: str) -> float:
    """Compare an ONNX model with the logits of PyTorch, as one batch and clip by clip."""
    session = open_session(model, threads=1)
    wanted = softmax(expected)
    together = session.run(None, {INPUT: clips})[0]
    alone = np.concatenate(
        [session.run(None, {INPUT: clips[i : i + 1]})[0] for i in range(len(clips))]
    )
    largest = 0.0
    for logits in (together, alone):
        found = softmax(logits)
        difference = float(np.abs(found - wanted).max())
        same_label = np.array_equal(found.argmax(axis=1), wanted.argmax(axis=1))
        if not (same_label and difference <= TOLERANCE):  # also true for NaN
            raise AscNasError(
                f"export of {name}: the exported network does not answer as PyTorch does "
                f"(largest difference of a probability {difference:.2g}, allowed {TOLERANCE:g}; "
                f"labels {'equal' if same_label else 'differ'}); nothing was written."
            )
        largest = max(largest, difference)
    return largest


@contextlib.contextmanager
def quiet() -> Iterator[None]:
    """Hold back what the exporter prints, logs and warns of: none of it is for the user."""
    disabled = logging.root.manager.disable
    logging.disable(logging.ERROR)
    sink = io.StringIO()
    try:
        with (
            warnings.catch_warnings(),
            contextlib.redirect_stdout(sink),
            contextlib.redirect_stderr(sink),
        ):
            warnings.simplefilter("ignore")
            yield
    finally:
        logging.disable(disabled)
