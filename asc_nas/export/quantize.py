"""Static int8 quantisation of an exported network, and what it stores and takes.

Weights are signed 8-bit integers with a scale per output channel, activations unsigned ones with a
scale per tensor, biases 32-bit integers (Jacob et al., CVPR 2018, arXiv 1712.05877). The standard
QuantizeLinear and DequantizeLinear stand around every operation; onnxruntime, or the compiler of a
device, turns the two with what is between them into one integer operation.
"""

import statistics
import tempfile
import time
from pathlib import Path
from typing import Any

import numpy as np
import onnx
import onnxruntime
from onnx import numpy_helper
from onnxruntime.quantization import (
    CalibrationDataReader,
    CalibrationMethod,
    QuantFormat,
    QuantType,
    quantize_static,
)

from asc_nas.core.errors import AscNasError
from asc_nas.core.files import atomic_path
from asc_nas.export.onnx import quiet
from asc_nas.runtime.classifier import INPUT, OUTPUT, open_session

CLIPS = 100
"""Examples for calibration; fewer or more hardly matter (`docs/NOTEBOOK.md`)."""
PERCENTILE = 99.999
"""Chosen on search-val by the divergence from the float network (same page)."""
_AT_ONCE = 8  # calibration examples whose activations are held in memory
_WEIGHTED = ("Conv", "Gemm", "MatMul")
_PASSES, _RUNS = 15, 20


def quantize_onnx(
    source: Path, clips: np.ndarray, target: Path, *, percentile: float = PERCENTILE
) -> None:
    """Write the network of `source` with int8 weights and activations to `target`.

    Input and output stay float32, so that the file is used as the float one is. The same network
    and clips give the same bytes.

    Parameters
    ----------
    source : Path
        A float network as `export_onnx` writes it.
    clips : np.ndarray
        (n, mels, frames) float32 log-mel in dB, n at least 1: training clips, on which the range of
        every activation is found.
    target : Path
    percentile : float
        Share of an activation's values, in %, that its range covers; larger ones are clipped.

    Raises
    ------
    AscNasError
        If the network cannot be quantised.
    """
    model = onnx.load(source)
    kinds = sorted({node.op_type for node in model.graph.node})
    with tempfile.TemporaryDirectory() as folder:
        written = Path(folder) / "int8.onnx"
        try:
            with quiet():
                quantize_static(
                    model,
                    written,
                    _Clips(clips),
                    quant_format=QuantFormat.QDQ,
                    op_types_to_quantize=kinds,
                    nodes_to_exclude=_outside_of_weights(model),
                    per_channel=True,
                    activation_type=QuantType.QUInt8,
                    weight_type=QuantType.QInt8,
                    calibrate_method=CalibrationMethod.Percentile,
                    extra_options={
                        "CalibPercentile": percentile,
                        "CalibStridedMinMax": 1,  # group by group, with every method
                        "OpTypesToExcludeOutputQuantization": ["Gemm", "MatMul"],
                    },
                )
            quantized = onnx.load(written)
        except OSError:
            raise
        except Exception as error:  # onnxruntime has no common base class for its errors
            raise AscNasError(f"{source}: onnxruntime could not quantise it: {error}") from error
    _shorten_names(quantized)
    with atomic_path(target) as temporary:
        temporary.write_bytes(quantized.SerializeToString(deterministic=True))


def _outside_of_weights(model: onnx.ModelProto) -> list[str]:
    """Return the names of the operations before the first and behind the last with weights.

    They stay in float32: log-mel in dB in 8 bits would lose the quiet bands, and levels of loud
    clips; and neither what is pooled nor logits should be rounded.
    """
    nodes = model.graph.node
    behind: set[str] = set()  # what depends on weights
    for node in nodes:
        if node.op_type in _WEIGHTED or behind & set(node.input):
            behind.update(node.output)
    before: set[str] = set()  # what an operation with weights depends on
    for node in reversed(nodes):
        if node.op_type in _WEIGHTED or before & set(node.output):
            before.update(node.input)
    return [
        node.name
        for node in nodes
        if node.op_type not in _WEIGHTED
        and not (behind & set(node.input) and before & set(node.output))
    ]


class _Clips(CalibrationDataReader):
    """Feeds calibration clips one by one; onnxruntime asks for one group of them at a time."""

    def __init__(self, clips: np.ndarray) -> None:
        self._clips = np.ascontiguousarray(clips[:, None], dtype=np.float32)
        self.set_range(0, len(self))

    def __len__(self) -> int:
        return -(-len(self._clips) // _AT_ONCE)

    def set_range(self, start_index: int, end_index: int) -> None:
        end = min(end_index * _AT_ONCE, len(self._clips))
        self._places = iter(range(start_index * _AT_ONCE, end))

    def get_next(self) -> dict[str, np.ndarray] | None:
        place = next(self._places, None)
        return None if place is None else {INPUT: self._clips[place : place + 1]}


def _shorten_names(model: onnx.ModelProto) -> None:
    """Name every inner value by a number, in place: long names are a quarter of a small file."""
    graph = model.graph
    short = {end.name: end.name for end in (*graph.input, *graph.output)} | {"": ""}

    def shorten(names: Any) -> None:
        names[:] = [short.setdefault(name, f"v{len(short)}") for name in names]

    for node in graph.node:
        node.name = ""
        shorten(node.input)
        shorten(node.output)
    for constant in graph.initializer:
        constant.name = short[constant.name]
    del graph.value_info[:]
    del model.metadata_props[:]


def stored_bytes(onnx_file: Path) -> tuple[int, int]:
    """Return the bytes of the parameters as stored, and those of their and all other scales.

    Returns
    -------
    parameters : int
        Weights and biases (and batch norms that could not be folded).
    scales : int
        Scales and zero points of weights, biases and activations; 0 for a float network.
    """
    graph = onnx.load(onnx_file).graph
    sizes = {c.name: numpy_helper.to_array(c).nbytes for c in graph.initializer}
    parameters: set[str] = set()
    scales: set[str] = set()
    for node in graph.node:
        if node.op_type in ("QuantizeLinear", "DequantizeLinear"):
            parameters.update(node.input[:1])
            scales.update(node.input[1:])
        elif node.op_type in (*_WEIGHTED, "BatchNormalization"):
            parameters.update(node.input[1:])
    return sum(sizes.get(name, 0) for name in parameters), sum(sizes[name] for name in scales)


def paired_latency(first: Path, second: Path, example: np.ndarray) -> tuple[float, float, float]:
    """Time two networks in turns, on one thread, warmed up.

    Parameters
    ----------
    first, second : ONNX files
    example : (mels, frames) float32 log-mel in dB

    Returns
    -------
    first, second : float
        Milliseconds of one example: the median over 15 passes of the median of 20 runs.
    ratio : float
        Median over the passes of the first's time divided by the second's.
    """
    sessions = [open_session(path.read_bytes(), threads=1) for path in (first, second)]
    clip = np.ascontiguousarray(example[None, None], dtype=np.float32)
    for session in sessions:
        _median_ms(session, clip)
    times = [[_median_ms(session, clip) for session in sessions] for _ in range(_PASSES)]
    one, other = (statistics.median(column) for column in zip(*times, strict=True))
    return one, other, statistics.median(a / b for a, b in times)


def _median_ms(session: onnxruntime.InferenceSession, clip: np.ndarray) -> float:
    times = []
    for _ in range(_RUNS):
        start = time.perf_counter()
        session.run([OUTPUT], {INPUT: clip})
        times.append(time.perf_counter() - start)
    return statistics.median(times) * 1e3
