"""The files of an exported model, as they lie in the run's models folder."""

from collections.abc import Callable
from pathlib import Path
from typing import ClassVar

from pydantic import FiniteFloat

from asc_nas.core.documents import Count, Document
from asc_nas.core.errors import AscNasError
from asc_nas.core.units import kilobytes
from asc_nas.report.best import ExportedFile
from asc_nas.runtime.card import ModelCard


class _Compared(Document):
    """What an export in integers says of itself, beside the float network."""

    accuracy: FiniteFloat
    float_accuracy: FiniteFloat
    agreement: FiniteFloat

    def words(self) -> str:
        return _compared(self.accuracy, self.float_accuracy, self.agreement)


class _Kit(_Compared):
    """``NAME-c/kit.json``."""

    format_name: ClassVar[str] = "asc-nas/kit/1"

    network_bytes: Count
    ram_bytes: Count


class _TfLite(_Compared):
    """``NAME.tflite.json``."""

    format_name: ClassVar[str] = "asc-nas/tflite/1"

    bytes: Count


def exported_files(models: Path, name: str) -> tuple[ExportedFile, ...]:
    """Return the files that the model `name` was exported to; one that cannot be read says why."""
    kinds: dict[str, Callable[[Path], str]] = {
        f"{name}.onnx": _float,
        f"{name}-int8.onnx": _int8,
        f"{name}.tflite": _tflite,
        f"{name}-c": _c,
    }
    found = ((models / file, says) for file, says in kinds.items())
    return tuple(_file(path, says) for path, says in found if path.exists())


def _file(path: Path, says: Callable[[Path], str]) -> ExportedFile:
    try:
        return ExportedFile(str(path), says(path))
    except AscNasError as error:
        return ExportedFile(str(path), str(error))


def _float(file: Path) -> str:
    ModelCard.read(file.with_suffix(".json"))
    return ""


def _int8(file: Path) -> str:
    card = ModelCard.read(file.with_suffix(".json"))
    says, made = f"int8, {kilobytes(card.bytes)}", card.quantization
    if made is None:
        return says
    floats = made.float_results["accuracy"]
    return f"{says}; {_compared(card.results['accuracy'], floats, made.agreement)}"


def _tflite(file: Path) -> str:
    made = _TfLite.read(file.with_name(f"{file.name}.json"))
    return f"int8, {kilobytes(made.bytes)}; {made.words()}"


def _c(folder: Path) -> str:
    made = _Kit.read(folder / "kit.json")
    weights, ram = kilobytes(made.network_bytes), kilobytes(made.ram_bytes)
    return f"C in int8, {weights} of weights, {ram} of RAM; {made.words()}"


def _compared(accuracy: float, float_accuracy: float, agreement: float) -> str:
    scores = f"accuracy {accuracy:.3f} (float {float_accuracy:.3f})"
    return f"{scores}, {agreement:.1%} of decisions alike"
