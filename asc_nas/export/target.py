"""What every export target starts from and gives, and their registry.

Every export begins with the float network as ONNX (`asc_nas.export.onnx`), checked against PyTorch;
a target makes another file of it. To add one, write a module with a function from `Source` to
`ExportedModel` and register it in `TARGETS`.
"""

from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path

import numpy as np
from numpy.typing import NDArray

from asc_nas.core.files import write_bytes
from asc_nas.core.registry import Registry
from asc_nas.data.examples import Examples
from asc_nas.runtime.card import ModelCard


@dataclass(frozen=True)
class ExportedModel:
    """A model file (or folder) and its card, which lies beside it.

    `told` are lines on what was measured, for the command line.
    """

    file: Path
    card: ModelCard
    told: tuple[str, ...] = ()

    @classmethod
    def read(cls, file: Path) -> "ExportedModel":
        """Return the model of an ONNX file.

        Raises
        ------
        AscNasError
            If its card is missing or wrong.
        """
        return cls(file, ModelCard.read(file.with_suffix(".json")))

    def copied_as(self, name: str) -> "ExportedModel":
        """Write the same ONNX file and card beside this, under another name; return that."""
        file = self.file.with_name(f"{name}.onnx")
        write_bytes(file, self.file.read_bytes())
        card = self.card.model_copy(update={"name": name})
        card.write(file.with_suffix(".json"))
        return ExportedModel(file, card)


@dataclass(frozen=True)
class Source:
    """What a target starts from: the float model, and clips.

    Attributes
    ----------
    model : ExportedModel
    train : Examples
        For what has to be found on data, such as the ranges of activations.
    test : Examples
        Only measured.
    recordings : function of a number
        Returns so many of the test recordings, (n, samples) int16 at the rate and of the length
        that the model hears: for what takes audio, and has to be compared on it.
    """

    model: ExportedModel
    train: Examples
    test: Examples
    recordings: Callable[[int], NDArray[np.int16]]


TARGETS: Registry[Callable[[Source], ExportedModel]] = Registry("export target")


@TARGETS.register("onnx")
def onnx(source: Source) -> ExportedModel:
    """Keep the float model as it is: for a PC, and for tools that convert ONNX."""
    return source.model


def spread(examples: Examples, number: int) -> np.ndarray:
    """Return up to `number` evenly spaced examples, (n, mels, frames) float32 in dB."""
    places = np.linspace(0, len(examples) - 1, min(number, len(examples))).astype(int)
    return examples.batch(places)[0][:, 0].numpy()
