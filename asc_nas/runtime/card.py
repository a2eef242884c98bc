"""The card beside an exported model: what it hears, what it answers, and where it comes from."""

import json
import re
from collections.abc import Mapping
from itertools import count
from math import isfinite
from pathlib import Path
from typing import Annotated, Any, Final, Literal, Self

from pydantic import (
    AfterValidator,
    BaseModel,
    Field,
    SerializerFunctionWrapHandler,
    field_validator,
    model_serializer,
    model_validator,
)

from asc_nas import __version__
from asc_nas.audio.logmel import FrontEnd
from asc_nas.core.config import Config
from asc_nas.core.errors import AscNasError, UsageError, closest
from asc_nas.core.files import read_json, write_json
from asc_nas.core.plain_text import LONGEST_LABEL, is_plain, visible

FORMAT: Final = "asc-nas/card/1"
AUDIO_FORMAT: Final = "asc-nas/onnx-audio/1"
"""Of the document beside a model that takes samples: no card, as `classify` has its own front end.
"""
_FAMILY, _, _VERSION = FORMAT.rpartition("/")
MOST_LABELS, MOST_RECORDERS = 10_000, 1000
_LARGEST_CARD, LARGEST_FILE = 2**24, 2**30  # bytes
_LONGEST_TEXT, _LARGEST_NUMBER = 10_000, 10**18
_DEEPEST, _MOST_VALUES = 8, 100_000


def _measures(results: dict[str, Any]) -> dict[str, Any]:
    per_class = results.get("per_class", {})
    numbers = [results.get(name) for name in ("accuracy", "macro_f1", "log_loss")]
    numbers += per_class.values() if isinstance(per_class, dict) else [str(per_class)]
    if not all(value is None or isinstance(value, int | float) for value in numbers):
        raise ValueError("accuracy, macro_f1, log_loss and each of per_class are numbers")
    return results


Measures = Annotated[dict[str, Any], AfterValidator(_measures)]
"""Scores, 0 to 1, by name; null is not known."""
Temperature = Annotated[float, Field(ge=0.01, le=100)]
Share = Annotated[float, Field(ge=0, le=1)]


def _check_bounded(values: Any) -> None:
    """Look at all that a card holds, before anything is made of it."""
    left = [(0, values)]
    for number in count():
        if not left:
            return
        depth, value = left.pop()
        if depth > _DEEPEST or number > _MOST_VALUES:
            raise ValueError("it holds too much, or too deep in one another")
        if isinstance(value, BaseModel):
            value = value.model_dump()
        if isinstance(value, Mapping):
            left += ((depth + 1, part) for pair in value.items() for part in pair)
        elif isinstance(value, list | tuple):
            left += ((depth + 1, part) for part in value)
        elif isinstance(value, str) and (len(value) > _LONGEST_TEXT or not is_plain(value)):
            raise ValueError(f"the text '{visible(value[:40])}' is too long or not plain")
        elif isinstance(value, int) and abs(value) > _LARGEST_NUMBER:
            raise ValueError("a number is too large")
        elif isinstance(value, float) and not isfinite(value):
            raise ValueError("a number is not finite")


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

    @property
    def is_non_commercial(self) -> bool:
        """Whether the licence forbids commercial use in so many words."""
        return re.search(r"\bNC\b|non-?\s?commercial", self.licence, re.IGNORECASE) is not None


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
    float_results: Measures
    agreement: float = Field(ge=0, le=1)
    agreement_per_class: dict[str, float]
    latency_ms: float = Field(gt=0)
    float_latency_ms: float = Field(gt=0)
    speed_up: float = Field(gt=0)
    measured_with: str


class CardRecorder(Config):
    """A recording device that a network of its own answers for, adapted to it from the general one.

    Attributes
    ----------
    recorder : str
        As the recordings behind the model name it.
    temperature, reject_below, results
        Of its network, as in `ModelCard`.
    test_clips : int
        Test clips of the device.
    general, adapted : float or None
        Accuracy on them, 0 to 1, of the general network and of its own; None without such clips.
    general_interval, adapted_interval : tuple of float or None
        Their 95 % intervals, (low, high), by group; None if the clips are of one group.
    """

    recorder: str = Field(min_length=1, max_length=LONGEST_LABEL)
    temperature: Temperature = 1.0
    reject_below: Share = 0.0
    results: Measures
    test_clips: int = Field(default=0, ge=0)
    general: Share | None = None
    general_interval: tuple[Share, Share] | None = None
    adapted: Share | None = None
    adapted_interval: tuple[Share, Share] | None = None


class ModelCard(Config):
    """Everything that a reader of ``NAME.onnx`` needs to know, stored as ``NAME.json``.

    A card may come from a stranger. Its texts are of one line and cannot steer a terminal, its
    numbers and sizes have bounds.

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
    reject_below : float
        Largest probability of a window below which it is none of the labels: 5 % of the clips of
        search-val that are decided right lie below it (Hendrycks and Gimpel, ICLR 2017, arXiv
        1610.02136). 0 rejects nothing: on cards of earlier versions, and where nothing was fitted.
    genotype : str
        Text form of the architecture.
    members : int
        Networks of that architecture in the file, whose posteriors are averaged.
    macs, params, bytes : int
        Multiply-accumulates for one clip, parameters (both of all members), and size of the ONNX
        file.
    ram_bytes, float_ram_bytes : int or None
        Working memory of a device that runs the network in int8 or in float32, one example at a
        time: its activations and the buffers of its front end. None on cards of earlier versions.
    qat_share : float
        Share of the training in which the network computed as in 8-bit integers; 0: none of it.
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
    recorder : str
        Recording device that the network was adapted to. Empty: none; then the file lacks the key.
    recorders : tuple of CardRecorder
        Recording devices that have networks of their own in the ONNX file, beside the general one,
        which the rest of the card is about; macs and params are those of one. If there are none,
        the file lacks the key.
    created_with : str
        Program and version that wrote the card.
    """

    format: Literal["asc-nas/card/1"] = FORMAT
    name: str
    labels: tuple[Annotated[str, Field(max_length=LONGEST_LABEL)], ...] = Field(
        min_length=1, max_length=MOST_LABELS
    )
    frontend: FrontEnd
    temperature: Temperature = 1.0
    reject_below: Share = 0.0
    genotype: str
    members: int = Field(default=1, gt=0, le=1000)
    macs: int = Field(ge=0)
    params: int = Field(ge=0)
    bytes: int = Field(gt=0, le=LARGEST_FILE)
    ram_bytes: int | None = Field(default=None, ge=0)
    float_ram_bytes: int | None = Field(default=None, ge=0)
    qat_share: float = Field(default=0.0, ge=0, lt=1)
    sha256: str = Field(pattern="^[0-9a-f]{64}$")
    numeric_type: Literal["float32", "int8"] = "float32"
    param_bytes: int | None = Field(default=None, ge=0)
    quantization: Quantization | None = None
    results: Measures
    data: CardData
    recorder: str = Field(default="", max_length=LONGEST_LABEL)
    recorders: tuple[CardRecorder, ...] = Field(default=(), max_length=MOST_RECORDERS)
    created_with: str = f"asc-nas {__version__}"

    @model_validator(mode="before")
    @classmethod
    def _are_bounded(cls, values: Any) -> Any:
        _check_bounded(values)
        return values

    @field_validator("name")
    @classmethod
    def _is_a_file_name(cls, name: str) -> str:
        if not re.fullmatch(r"[A-Za-z0-9][A-Za-z0-9._+@-]*", name):
            raise ValueError("use letters, digits and . _ + @ - only, as it names the files")
        return name

    @field_validator("labels")
    @classmethod
    def _are_distinct(cls, labels: tuple[str, ...]) -> tuple[str, ...]:
        if len(set(labels)) != len(labels):
            raise ValueError("a label stands twice")
        return labels

    @model_validator(mode="after")
    def _has_one_network_per_recorder(self) -> Self:
        if self.recorder and self.recorders:
            raise ValueError("it is of one recording device and lists others, too")
        names = [each.recorder for each in self.recorders]
        if len(set(names)) != len(names):
            raise ValueError("a recording device stands twice")
        return self

    @model_serializer(mode="wrap")
    def _as_before(self, dump: SerializerFunctionWrapHandler) -> dict[str, Any]:
        """Leave out what says nothing, so that earlier versions read cards without recorders."""
        values: dict[str, Any] = dump(self)
        return {k: v for k, v in values.items() if v or k not in ("recorder", "recorders")}

    def of_recorder(self, recorder: str | None) -> "ModelCard":
        """Return what the card says of the network that answers for a recording device.

        Its own one's, or the general one's: of a device without one, the card as it is.
        """
        for own in self.recorders:
            if own.recorder == recorder:
                changes = ("recorder", "temperature", "reject_below", "results")
                update = {name: getattr(own, name) for name in changes}
                return self.model_copy(update=update | {"recorders": ()})
        return self

    def told_of_recorder(self, recorder: str) -> str:
        """Return a sentence if the network answers for a recording device that it is not of.

        The card is what `of_recorder` gave; the text is empty if the network is the device's own.
        """
        if recorder == self.recorder:
            return ""
        if self.recorder:
            return f"{self.name} was adapted to the recording device {self.recorder} alone."
        if not self.recorders:
            return f"{self.name} has no networks for recording devices: its only one answers."
        known = [each.recorder for each in self.recorders]
        return (
            f"{self.name} has no network for the recording device '{visible(recorder)}': the "
            f"general one answers.{closest(recorder, known)} It has some for: {', '.join(known)}."
        )

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
        if path.is_file() and path.stat().st_size > _LARGEST_CARD:
            raise AscNasError(f"{path}: larger than any card of an asc-nas model.")
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
    """Explain JSON with a format other than ours; None if it is none, or is something else."""
    try:
        value = json.loads(path.read_text(encoding="utf-8"))
    except (OSError, ValueError, RecursionError):
        return None
    found = visible(str(value.get("format", ""))[:40]) if isinstance(value, dict) else ""
    if found == FORMAT:
        return None
    family, _, version = found.rpartition("/")
    if family == AUDIO_FORMAT.rpartition("/")[0]:
        name = visible(str(value.get("name"))[:100])
        return (
            f"{path}: of a model that takes samples, for apps and web pages; classify has its own "
            f"front end: give it the model that this one was made of, {name}.onnx."
        )
    if family == _FAMILY and version.isdecimal() and int(version) > int(_VERSION):
        return f"{path}: this card ('{found}') was written by a newer asc-nas; update asc-nas."
    return f"{path}: not the card of an asc-nas model (expected the format '{FORMAT}')."
