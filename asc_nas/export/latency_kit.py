"""The latency kit: a folder that measures a search space on another device, with onnxruntime.

It holds every layer as ONNX, some whole networks, and ``measure.py``, which needs only numpy and
onnxruntime and writes ``latency.json``, see `asc_nas.cost.latency`. For a microcontroller see
`asc_nas.export.firmware.latency_kit`.
"""

from collections.abc import Mapping, Sequence
from importlib import resources
from pathlib import Path

from asc_nas.core.errors import UsageError
from asc_nas.core.files import atomic_path, write_json, write_text
from asc_nas.cost.layers import Layer, layers_of
from asc_nas.export.layer_onnx import empty_model, layer_model, network_model
from asc_nas.space.netspec import NetSpec

FORMAT = "asc-nas/latency-kit/1"

README = """\
Latency kit of {name}: {layers} layers and {networks} whole networks.

1. Copy this folder to the device. It needs Python 3.8 or newer, numpy and onnxruntime.
2. There: python measure.py --device "NAME OF THE DEVICE"
   It uses one thread; let nothing else run. It shows how long it will take; if it is stopped,
   the same command goes on where it was.
3. Copy latency.json back. Search with it: asc-nas run CONFIG --set latency=PATH/latency.json
"""


def write_kit(
    folder: Path, name: str, layers: Sequence[Layer], networks: Mapping[str, NetSpec]
) -> None:
    """Write the kit.

    Parameters
    ----------
    folder : Path
        Made if it is missing; a kit that is there is replaced.
    name : str
        What the kit is of.
    layers : sequence of Layer
        With distinct keys.
    networks : networks by genotype

    Raises
    ------
    UsageError
        If the folder holds something else.
    """
    check_folder(folder)
    files = {layer.key: f"layers/{i:04d}.onnx" for i, layer in enumerate(layers)}
    entries = [
        {
            "genotype": genotype,
            "layers": [layer.key for layer in layers_of(spec)],
            "file": f"networks/{i:02d}.onnx",
        }
        for i, (genotype, spec) in enumerate(networks.items())
    ]
    kit = {
        "format": FORMAT,
        "target": "onnx",
        "overhead": "empty.onnx",
        "layers": files,
        "networks": entries,
    }
    write_json(folder / "kit.json", kit)  # first: it marks the folder as ours
    _write(folder / "empty.onnx", empty_model())
    for layer in layers:
        _write(folder / files[layer.key], layer_model(layer))
    for entry, spec in zip(entries, networks.values(), strict=True):
        _write(folder / str(entry["file"]), network_model(spec))
    script = resources.files("asc_nas.export") / "latency_measure.py"
    write_text(folder / "measure.py", script.read_text("utf-8"))
    readme = README.format(name=name, layers=len(files), networks=len(entries))
    write_text(folder / "README.txt", readme)


def check_folder(folder: Path) -> None:
    """Raise UsageError if the folder holds something else than a kit."""
    if folder.exists() and not folder.is_dir():
        raise UsageError(f"{folder}: not a folder; give another one for the latency kit.")
    if folder.is_dir() and any(folder.iterdir()) and not (folder / "kit.json").exists():
        raise UsageError(f"{folder}: holds other files; give another folder for the latency kit.")


def _write(target: Path, content: bytes) -> None:
    with atomic_path(target) as temporary:
        temporary.write_bytes(content)
