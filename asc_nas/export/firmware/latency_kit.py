"""The latency kit in C: a program that measures a search space on a microcontroller.

Every layer, and some whole networks, call the kernels of an exported model (``sources``). They
share one table of weights, so that a space of thousands of layers fits into flash.
"""

import tempfile
from collections.abc import Iterable, Iterator, Mapping, Sequence
from importlib import resources
from math import prod
from pathlib import Path

import numpy as np

from asc_nas import __version__
from asc_nas.core.errors import AscNasError
from asc_nas.core.files import atomic_folder, read_json, write_json, write_text
from asc_nas.cost.latency import LatencyTable
from asc_nas.cost.layers import Layer, layers_of
from asc_nas.cost.memory import PLANES, plan
from asc_nas.export.firmware.network_source import calls, rounded_up, size_text
from asc_nas.export.firmware.text import array, string
from asc_nas.export.firmware.toolchain import CHIPS, build, missing_tools, run
from asc_nas.export.latency_kit import FORMAT, check_folder
from asc_nas.space.netspec import NetSpec, Shape

_SHARED = (
    "src/asc_network.c",
    "src/asc_network.h",
    "test/cost.h",
    "test/cost_pc.c",
    "test/mps2.ld",
    "test/mps2_start.c",
)
"""Of the sources of a model."""


def write_c_kit(
    folder: Path, name: str, layers: Sequence[Layer], networks: Mapping[str, NetSpec]
) -> None:
    """Write the kit; the parameters and errors are those of `latency_kit.write_kit`."""
    check_folder(folder)
    source, ram = _source(layers, networks)
    with atomic_folder(folder) as beside:
        (beside / "src").mkdir()
        (beside / "test").mkdir()
        own = resources.files("asc_nas.export.firmware")
        for shared in _SHARED:
            write_text(beside / shared, (own / "sources" / shared).read_text("utf-8"))
        kit = own / "latency_sources"
        for target in ("Makefile", "src/asc_layers.h", "test/measure.c"):
            write_text(beside / target, (kit / Path(target).name).read_text("utf-8"))
        write_text(beside / "src" / "asc_layers.c", source)
        readme = (kit / "README.txt").read_text("utf-8")
        figures = {"name": name, "layers": len(layers), "networks": len(networks)}
        write_text(beside / "README.txt", readme.format(ram=f"{ram:,}", **figures))
        write_json(beside / "kit.json", {"format": FORMAT, "target": "c"})


def count_latency(folder: Path, chip: str, mhz: float) -> LatencyTable:
    """Run a kit in C on an emulated chip and write its ``latency.json``.

    A time is a number of instructions, as if the chip did one with every cycle: a stand-in, as
    chips also wait for flash and multiply at their own speed.

    Parameters
    ----------
    chip : one of `CHIPS`; ``pc`` is timed
    mhz : clock of the chip

    Raises
    ------
    AscNasError
        If the folder is no kit in C, a program is missing, the kit does not compile, or it fails.
    UsageError
        If there is no such chip.
    """
    if read_json(folder / "kit.json", FORMAT).get("target") != "c":
        raise AscNasError(
            f"{folder}: a kit for onnxruntime; its measure.py runs it. Write one in C: "
            "asc-nas latency kit CONFIG --target c --out KIT."
        )
    if missing := missing_tools(chip):
        raise AscNasError(f"{chip}: install {', '.join(missing)} ({CHIPS[chip].install}).")
    target = CHIPS[chip]
    told = f"{chip} in QEMU, an instruction with every cycle of {mhz:g} MHz"
    ticks = round(1000 * mhz) if target.board else 1_000_000
    defines = [f"-DASC_TICKS_PER_MS={ticks}", '-DASC_FILE="latency.json"']
    defines.append(f'-DASC_DEVICE="{told if target.board else "this PC"}"')
    with tempfile.TemporaryDirectory() as name:
        scratch = Path(name)
        build(folder, target, "measure.c", scratch, *defines)
        run(folder, target, scratch)
        measured = LatencyTable.read(scratch / "latency.json").measured
    write_json(folder / "latency.json", measured.model_dump(mode="json"))
    return LatencyTable(measured, str(folder / "latency.json"))


def _source(layers: Sequence[Layer], networks: Mapping[str, NetSpec]) -> tuple[str, int]:
    """Return ``asc_layers.c``, and the bytes of RAM that it takes."""
    tables = _Tables()
    works, bodies = [], []
    for i, layer in enumerate(layers):
        bodies.append(_function(f"layer_{i}", _alone(layer, tables)))
        works.append(f"{{{string(layer.key)}, 0, layer_{i}}}")
    wholes = []
    for i, (genotype, spec) in enumerate(networks.items()):
        bodies.append(_function(f"network_{i}", _whole(spec, tables)))
        keys = ", ".join(f'"{layer.key}"' for layer in layers_of(spec))
        wholes.append(f"{{{string(genotype)}, {string(keys)}, network_{i}}}")
    arena = max(
        [plan(spec).values for spec in networks.values()] + [_values(layer) for layer in layers]
    )
    features = max(prod(spec.input_size) for spec in networks.values())
    mels = max(spec.input_size[0] for spec in networks.values())
    classes = max(tables.outputs, 1)
    parts = [
        "/* Layers and networks that share their weights. Written by asc-nas; do not edit. */",
        '#include "asc_layers.h"\n\n#include "asc_network.h"\n',
        f"const char *const asc_program = {string(f'C code of asc-nas {__version__}')};\n",
        f"static int8_t arena[{arena}], logits[{classes}];\n"
        f"static const int16_t features[{features}];\n",
        array(f"static const int32_t input_multipliers[{mels}]", np.full(mels, 2**20)),
        f"static const int64_t input_offsets[{mels}];\n",
        tables.source(),
        *bodies,
        f"const int asc_layer_count = {len(layers)}, asc_network_count = {len(networks)};\n",
        _list("asc_layers", works),
        _list("asc_networks", wholes),
    ]
    return "\n".join(parts), arena + classes


def _list(name: str, works: Iterable[str]) -> str:
    return f"const asc_work {name}[] = {{\n" + "".join(f"    {work},\n" for work in works) + "};\n"


def _function(name: str, lines: Iterable[str]) -> str:
    return f"static void {name}(void) {{\n" + "".join(f"    {line}\n" for line in lines) + "}\n"


class _Tables:
    """Tables of convolutions and sums whose numbers are all in one place."""

    def __init__(self) -> None:
        self._names: dict[str, str] = {}
        self._taps: dict[tuple[Shape, ...], str] = {}
        self._weights = 0
        self.outputs = 0

    def layer(self, inputs: int, outputs: int, kernels: Sequence[Shape] = ((1, 1),)) -> str:
        """Return the name of a convolution's table; of a depthwise one `inputs` is 1."""
        taps = _taps(kernels)
        places = self._taps.setdefault(taps, f"taps_{len(self._taps)}")
        self._weights = max(self._weights, inputs * rounded_up(outputs) * len(taps))
        self.outputs = max(self.outputs, rounded_up(outputs))
        fields = f"{places}, {inputs}, {outputs}, {len(taps)}, 0, 0, -128"
        return self._named("asc_layer", f"{{weights, bias, multipliers, shifts, {fields}}}")

    def sum(self, channels: int) -> str:
        """Return the name of a sum's table; `channels` are those of the shortcut."""
        factors = f"{{{2**30}, {2**30}, {2**30}}}, {{1, 1, 19}}"
        return self._named("asc_sum", f"{{{factors}, {channels}, 0, 0, 0, -128}}")

    def _named(self, kind: str, content: str) -> str:
        text = f"static const {kind} {{}} = {content};"
        return self._names.setdefault(text, f"t{len(self._names)}")

    def source(self) -> str:
        """Return the tables as C."""
        rng = np.random.default_rng(0)
        n = self.outputs
        parts = [
            array(
                f"static const int8_t weights[{self._weights}]",
                rng.integers(-127, 128, self._weights),
            ),
            array(f"static const int32_t bias[{n}]", rng.integers(-999, 1000, n)),
            array(f"static const int32_t multipliers[{n}]", rng.integers(2**30, 2**31, n)),
            array(f"static const uint8_t shifts[{n}]", np.full(n, 9)),
        ]
        for taps, name in self._taps.items():
            places = ", ".join(f"{{{y}, {x}}}" for y, x in taps)
            parts.append(f"static const int8_t {name}[{len(taps)}][2] = {{{places}}};\n")
        parts += [text.replace("{}", name, 1) for text, name in self._names.items()]
        return "\n".join(parts) + "\n"


def _taps(kernels: Sequence[Shape]) -> tuple[Shape, ...]:
    """Return the places that summed kernels reach, in order."""
    reached = {
        (y - rows // 2, x - columns // 2)
        for rows, columns in kernels
        for y in range(rows)
        for x in range(columns)
    }
    return tuple(sorted(reached))


def _whole(spec: NetSpec, tables: _Tables) -> Iterator[str]:
    named: dict[str, str] = {}
    for i, conv in enumerate(spec.stem):
        named[f"stem.{i}"] = tables.layer(conv.in_channels, conv.out_channels, [conv.kernel])
    for i, block in enumerate(spec.blocks):
        if block is None:
            continue
        name = f"blocks.{i}"
        if block.expand is not None:
            expand = block.expand
            named[f"{name}.expand"] = tables.layer(expand.in_channels, expand.out_channels)
        channels = block.depthwise[0].out_channels
        kernels = [conv.kernel for conv in block.depthwise]
        named[f"{name}.depthwise"] = tables.layer(1, channels, kernels)
        project = block.project
        named[f"{name}.project"] = tables.layer(project.in_channels, project.out_channels)
        if block.shortcut:
            named[f"{name}.sum"] = tables.sum(block.in_channels)
    named["head"] = tables.layer(spec.head.in_channels, spec.head.out_channels)
    if spec.classifier is not None:
        linear = spec.classifier
        named["classifier"] = tables.layer(linear.in_features, linear.out_features)
    bound = -1 if spec.input_range_db is None else round(128 * spec.input_range_db)
    standardise = f"input_multipliers, input_offsets, {bound}"
    return calls(spec, standardise, named.__getitem__)


def _alone(layer: Layer, tables: _Tables) -> Iterator[str]:
    """Yield the statements of one layer; it reads and writes the same place.

    An expansion and the kernels behind it are computed a few planes at a time, as in a network.
    """
    size, stride = size_text(layer.in_size), size_text(layer.stride)
    positions = prod(layer.in_size)
    inputs, outputs = layer.in_channels, layer.out_channels
    groups = f"for (int i = 0; i < {rounded_up(outputs) // PLANES}; i++)"
    if layer.kind == "stem":
        table = tables.layer(inputs, outputs, layer.kernels)
        yield f"asc_convolve(&{table}, arena, {size}, {stride}, arena);"
    elif layer.kind == "expand":
        yield f"{groups} asc_project(&{tables.layer(inputs, PLANES)}, arena, {positions}, arena);"
    elif layer.kind == "depthwise":
        table = tables.layer(1, PLANES, layer.kernels)
        yield f"{groups} asc_depthwise(&{table}, arena, {size}, {stride}, arena);"
    elif layer.kind == "project":
        table, added = tables.layer(inputs, outputs), layer.shortcut
        if added is None:
            yield f"asc_project(&{table}, arena, {positions}, arena);"
        else:
            sums, own = tables.sum(added.channels), size_text(added.in_size)
            places = f"arena, arena, {own}, {size_text(added.stride)}, arena"
            yield f"asc_project_add(&{table}, &{sums}, {places});"
    else:
        table = tables.layer(inputs, outputs)
        if layer.classes is None:
            yield f"asc_average(arena, {inputs}, {positions}, arena);"
            yield f"asc_project(&{table}, arena, 1, logits);"
        else:
            yield f"asc_head_average(&{table}, arena, {positions}, arena);"
            yield f"asc_project(&{tables.layer(outputs, layer.classes)}, arena, 1, logits);"


def _values(layer: Layer) -> int:
    """Return how many values the largest map of a layer has, where it is computed alone."""
    given, made = layer.in_channels, layer.out_channels
    if layer.kind == "depthwise":
        given = made = PLANES
    elif layer.kind == "expand":
        made = PLANES
    pairs = zip(layer.in_size, layer.stride, strict=True)
    out_size = [(size - 1) // stride + 1 for size, stride in pairs]
    values = [given * prod(layer.in_size), made * prod(out_size)]
    if layer.shortcut is not None:
        values.append(layer.shortcut.channels * prod(layer.shortcut.in_size))
    return max(values)
