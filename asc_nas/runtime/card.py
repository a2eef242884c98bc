"""The card beside an exported model: what it hears, what it answers, and where it comes from."""

import json
import re
from pathlib import Path
from typing import Any, Final, Literal, Self

from pydantic import Field, field_validator

from asc_nas import __version__
from asc_nas.audio.logmel import FrontEnd
from asc_nas.core.config import Config
from asc_nas.core.errors import AscNasError, UsageError
from asc_nas.core.files import read_json, write_json

FORMAT: Final = "asc-nas/card/1"
_FAMILY, _, _VERSION = FORMAT.rpartition("/")


class CardData(Config):
    """The recordings a model was trained and tested on.

    Attributes
    ----------
    name : str
        Dataset, as in its manifest.
    licence : str
        Licence of the recordings.
    source : str
        Where they were published: an address or a citation; empty if unknown.
    train_folds, test_folds : tuple of str
        Official folds of each side, as published.
    train_clips, search_val_clips, test_clips : int
        Number of clips in each role.
    """

    name: str
    licence: str = "unknown"
    source: str = ""
    train_folds: tuple[str, ...] = ()
    test_folds: tuple[str, ...] = ()
    train_clips: int = Field(default=0, ge=0)
    search_val_clips: int = Field(default=0, ge=0)
    test_clips: int = Field(default=0, ge=0)


class Quantization(Config):
    """How an int8 network came from its float one, and how the two compare.

    Attributes
    ----------
    calibrated_on : str
        Role of the clips on which the ranges of the activations were found.
    calibration_clips : int
        Examples of it that were used.
    percentile : float
        Share of an activation's values, in %, that its range covers.
    scale_bytes : int
        Bytes of the scales and zero points, which come on top of the card's ``param_bytes``.
    float_bytes, float_param_bytes : int
        Of the float file.
    float_results : dict
        The float network's measures on the same test clips.
    agreement : float
        Share of the test clips for which both decide alike, 0 to 1.
    agreement_per_class : dict
        The same for the clips of each label; labels without test clips are left out.
    latency_ms, float_latency_ms : float
        Of one clip on one thread, timed in turns.
    speed_up : float
        Latency of the float network divided by that of the int8 one.
    measured_with : str
        Processor and version of onnxruntime.
    """

    calibrated_on: str
    calibration_clips: int = Field(gt=0)
    percentile: float = Field(gt=0, le=100)
    scale_bytes: int = Field(ge=0)
    float_bytes: int = Field(gt=0)
    float_param_bytes: int = Field(ge=0)
    float_results: dict[str, Any]
    agreement: float = Field(ge=0, le=1)
    agreement_per_class: dict[str, float]
    latency_ms: float = Field(gt=0)
    float_latency_ms: float = Field(gt=0)
    speed_up: float = Field(gt=0)
    measured_with: str


class ModelCard(Config):
    """Everything that a reader of ``NAME.onnx`` needs to know, stored as ``NAME.json``.

    Attributes
    ----------
    format : str
        Kind and version of the file.
    name : str
        Name of the model; its files are called ``NAME.onnx`` and ``NAME.json``.
    labels : tuple of str
        Scenes in the order of the network's outputs; nothing else defines that order.
    frontend : FrontEnd
        Settings of the log-mel features that the network expects. The file holds their fingerprint
        too, so that a model of an older log-mel transform is refused, not fed with other numbers.
    temperature : float
        What the logits are divided by before the softmax, so that probabilities are calibrated;
        fitted on search-val, 1 where it was not (Guo et al., ICML 2017, arXiv 1706.04599).
    genotype : str
        Text form of the architecture.
    members : int
        Networks of that architecture in the file, whose posteriors are averaged.
    macs, params, bytes : int
        Multiply-accumulates for one clip, parameters (both of all members), and size of the ONNX
        file.
    sha256 : str
        Hexadecimal SHA-256 of the ONNX file.
    numeric_type : "float32" or "int8"
        Of the weights and activations in the file; input and output are float32 in both.
    param_bytes : int or None
        Bytes of the weights and biases as they are stored; None where nothing was counted.
    quantization : Quantization or None
        Of an int8 network.
    results : dict
        Measures on the test clips, such as ``accuracy`` and ``macro_f1`` (0 to 1), and
        ``calibration``, of the probabilities before and after the temperature.
    data : CardData
        The recordings behind `results`.
    created_with : str
        Program and version that wrote the card.
    """

    format: Literal["asc-nas/card/1"] = FORMAT
    name: str
    labels: tuple[str, ...] = Field(min_length=1)
    frontend: FrontEnd
    temperature: float = Field(default=1.0, gt=0, allow_inf_nan=False)
    genotype: str
    members: int = Field(default=1, gt=0)
    macs: int = Field(ge=0)
    params: int = Field(ge=0)
    bytes: int = Field(gt=0)
    sha256: str = Field(pattern="^[0-9a-f]{64}$")
    numeric_type: Literal["float32", "int8"] = "float32"
    param_bytes: int | None = Field(default=None, ge=0)
    quantization: Quantization | None = None
    results: dict[str, Any]
    data: CardData
    created_with: str = f"asc-nas {__version__}"

    @field_validator("name")
    @classmethod
    def _is_a_file_name(cls, name: str) -> str:
        if not re.fullmatch(r"[A-Za-z0-9][A-Za-z0-9._+-]*", name):
            raise ValueError("use letters, digits and . _ + - only, as it names the files")
        return name

    @field_validator("labels")
    @classmethod
    def _are_distinct(cls, labels: tuple[str, ...]) -> tuple[str, ...]:
        if len(set(labels)) != len(labels):
            raise ValueError("a label stands twice")
        return labels

    def write(self, path: Path) -> None:
        """Write the card as JSON, atomically."""
        values = self.model_dump(mode="json")
        write_json(path, values | {"frontend_fingerprint": self.frontend.fingerprint})

    @classmethod
    def read(cls, path: Path) -> Self:
        """Read a card.

        Raises
        ------
        AscNasError
            If the file is missing, is not a card, was written by a newer version, or has a key
            missing, unknown or wrong.
        """
        try:
            values = read_json(path, FORMAT)
        except AscNasError as error:
            raise AscNasError(_why_not_a_card(path) or str(error)) from error
        fingerprint = values.pop("frontend_fingerprint", None)
        try:
            card = cls.parse(values, str(path))
        except UsageError as error:  # the file is at fault, not the call
            raise AscNasError(str(error)) from error
        if fingerprint != card.frontend.fingerprint:
            raise AscNasError(
                f"{path}: made for another version of the log-mel transform; export it again."
            )
        return card


def _why_not_a_card(path: Path) -> str | None:
    """Explain a JSON object with a format other than ours; None if it is not even that."""
    try:
        value = json.loads(path.read_text(encoding="utf-8"))
    except (OSError, ValueError):
        return None
    found = str(value.get("format", "")) if isinstance(value, dict) else ""
    family, _, version = found.rpartition("/")
    if family == _FAMILY and version.isdigit() and int(version) > int(_VERSION):
        return f"{path}: this card ('{found}') was written by a newer asc-nas; update asc-nas."
    return f"{path}: not the card of an asc-nas model (expected the format '{FORMAT}')."
