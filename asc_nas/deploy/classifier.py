"""The classifier: a recording in, a label with probabilities out, without PyTorch."""

import hashlib
from dataclasses import asdict, dataclass
from pathlib import Path
from typing import Any

import numpy as np
import onnxruntime
import soxr
from numpy.typing import NDArray

from asc_nas.audio.io import AudioError, load_audio
from asc_nas.audio.logmel import log_mel, windows
from asc_nas.deploy.card import ModelCard
from asc_nas.errors import AscNasError, closest

INPUT, OUTPUT = "log_mel", "logits"
MODELS = Path("models")
_SAMPLES_PER_BATCH = 4_000_000  # bounds the memory: some 100 MB with the features of a batch
_SUFFIXES = (".onnx", ".json")


@dataclass(frozen=True)
class Segment:
    """The answer for one window; `start` and `end` in seconds."""

    start: float
    end: float
    label: str
    probability: float


@dataclass(frozen=True)
class Classification:
    """The answer for one recording.

    Attributes
    ----------
    path : str
        The file; empty for an array.
    label, probability
        The most probable scene, and how probable it is (0 to 1).
    scores : dict
        Probability of every label, in the card's order; they sum to 1.
    segments : tuple of Segment
        One per window, in order.
    """

    path: str
    label: str
    probability: float
    scores: dict[str, float]
    segments: tuple[Segment, ...]

    def to_json(self) -> dict[str, Any]:
        """Return plain data: path, label, probability, scores, segments."""
        plain = asdict(self)
        return {**plain, "segments": list(plain["segments"])}


class Classifier:
    """An exported model and its card; make one with `Classifier.load`."""

    def __init__(self, card: ModelCard, session: onnxruntime.InferenceSession) -> None:
        self.card = card
        self._session = session

    @classmethod
    def load(cls, model: str | Path, *, threads: int = 1) -> "Classifier":
        """Load a model by path or by name.

        Parameters
        ----------
        model : str or Path
            ``NAME.onnx`` or ``NAME.json`` (the other stands beside it), a folder that holds one
            model, or a name from the folder ``models``.
        threads : int
            Processor cores used for one network run.

        Raises
        ------
        AscNasError
            If there is no such model, one of its two files is missing or not ours, or the two do
            not belong together.
        """
        card_path = _find(model)
        onnx_path = card_path.with_suffix(".onnx")
        for path, other in ((card_path, onnx_path), (onnx_path, card_path)):
            if not path.is_file():
                raise AscNasError(f"{path}: no such file, but {other.name} needs it beside it.")
        card = ModelCard.read(card_path)
        content = onnx_path.read_bytes()
        if hashlib.sha256(content).hexdigest() != card.sha256:
            raise AscNasError(
                f"{onnx_path}: not the file that {card_path.name} describes (another SHA-256): it "
                "is damaged, or the two are of different models; copy both files again."
            )
        try:
            session = open_session(content, threads)
        except Exception as error:  # onnxruntime has no common base class for its errors
            raise AscNasError(f"{onnx_path}: not a readable ONNX model.") from error
        _check_fit(session, card, onnx_path)
        return cls(card, session)

    def classify(
        self, audio: str | Path | NDArray[np.floating], sample_rate: int | None = None
    ) -> Classification:
        """Classify one recording of any length and any number of channels.

        The recording is cut into windows of the card's length without overlap. The probabilities
        of a window are the mean over its channels, those of the recording the mean over windows.

        Parameters
        ----------
        audio : str, Path or np.ndarray
            An audio file, or (samples,) or (channels, samples) floating point, full scale at 1.
        sample_rate : int, optional
            Hertz, of an array only; the card's rate if it is not given.

        Raises
        ------
        AudioError
            If the file cannot be read, or the recording is empty or not finite.
        """
        rate = self.card.frontend.sample_rate
        if isinstance(audio, np.ndarray):
            path, wave = "", _checked(audio, sample_rate or rate, rate)
        else:
            path, wave = str(audio), load_audio(Path(audio), rate)
        posteriors, starts = self._posteriors(wave)
        return self._answer(path, posteriors, starts / rate, wave.shape[-1] / rate)

    def _posteriors(
        self, wave: NDArray[np.float32]
    ) -> tuple[NDArray[np.float64], NDArray[np.int64]]:
        """Return the probabilities of each window, (windows, classes), and its first sample."""
        frontend = self.card.frontend
        cut, starts = windows(wave, frontend.samples, frontend.samples)
        step = max(1, _SAMPLES_PER_BATCH // (cut.shape[1] * cut.shape[2]))
        posteriors = []
        for first in range(0, len(cut), step):
            mel = log_mel(cut[first : first + step], frontend)
            count, channels = mel.shape[:2]
            batch = mel.reshape(count * channels, 1, *mel.shape[2:])
            logits = self._session.run([OUTPUT], {INPUT: batch})[0]
            posteriors.append(softmax(logits).reshape(count, channels, -1).mean(axis=1))
        return np.concatenate(posteriors), starts

    def _answer(
        self,
        path: str,
        posteriors: NDArray[np.float64],
        starts: NDArray[np.float64],
        duration: float,
    ) -> Classification:
        labels, mean = self.card.labels, posteriors.mean(axis=0)
        best = int(mean.argmax())
        segments = []
        for start, row in zip(starts.tolist(), posteriors, strict=True):
            end = min(start + self.card.frontend.seconds, duration)
            top = int(row.argmax())
            segments.append(Segment(start, end, labels[top], float(row[top])))
        scores = dict(zip(labels, mean.tolist(), strict=True))
        return Classification(path, labels[best], scores[labels[best]], scores, tuple(segments))


def softmax(logits: NDArray[np.floating]) -> NDArray[np.float64]:
    """Return probabilities, (..., classes) float64, of `logits` (..., classes)."""
    shifted = logits.astype(np.float64) - logits.max(axis=-1, keepdims=True)
    powers = np.exp(shifted)
    return powers / powers.sum(axis=-1, keepdims=True)


def open_session(model: bytes, threads: int) -> onnxruntime.InferenceSession:
    """Return a quiet inference session on the processor for the bytes of an ONNX file."""
    options = onnxruntime.SessionOptions()
    options.intra_op_num_threads = threads
    options.inter_op_num_threads = 1
    options.log_severity_level = 3  # errors only
    return onnxruntime.InferenceSession(model, options, providers=["CPUExecutionProvider"])


def _checked(audio: NDArray[np.floating], sample_rate: int, wanted: int) -> NDArray[np.float32]:
    """Return an array given by the caller as (channels, samples) float32 at the rate `wanted`."""
    wave = np.atleast_2d(audio).astype(np.float32)
    if wave.ndim != 2 or not wave.size or wave.shape[0] > wave.shape[1]:
        raise AudioError(
            f"audio array of shape {audio.shape}: expected (samples,) or (channels, samples)."
        )
    if not np.isfinite(wave).all():
        raise AudioError("audio array: contains NaN or infinite samples.")
    if not np.issubdtype(audio.dtype, np.floating):
        raise AudioError(f"audio array of {audio.dtype}: expected floating point, full scale at 1.")
    if sample_rate != wanted:
        wave = soxr.resample(wave.T, sample_rate, wanted, quality="HQ").T
        if not wave.size:
            raise AudioError(f"audio array: too short to be resampled to {wanted} Hz.")
    return wave


def _find(model: str | Path) -> Path:
    """Return the card's path of the model that `model` names; one of its files exists."""
    path = Path(model)
    if len(path.parts) == 1 and path.suffix not in _SUFFIXES:
        named = MODELS / f"{path.name}.json"
        if named.is_file() or named.with_suffix(".onnx").is_file():
            return named
    if path.is_dir():
        return _only_model_in(path)
    if path.suffix in _SUFFIXES and path.is_file():
        return path.with_suffix(".json")
    if path.exists():
        raise AscNasError(f"{path}: not a model; give NAME.onnx, or its card NAME.json.")
    known = _models_in(MODELS)
    if known:
        hint = closest(path.name.removesuffix(path.suffix), known)
        raise AscNasError(f"no model '{model}'.{hint} In {MODELS}/: {', '.join(known)}.")
    raise AscNasError(
        f"no model '{model}': there is no folder '{MODELS}' with models here; give the path of a "
        ".onnx file with its card beside it."
    )


def _models_in(folder: Path) -> list[str]:
    return sorted(path.stem for path in folder.glob("*.onnx"))


def _only_model_in(folder: Path) -> Path:
    names = _models_in(folder)
    if not names:
        raise AscNasError(f"{folder}: holds no model (NAME.onnx and its card NAME.json).")
    if len(names) > 1:
        raise AscNasError(f"{folder}: holds several models, name one: {', '.join(names)}.")
    return folder / f"{names[0]}.json"


def _check_fit(session: onnxruntime.InferenceSession, card: ModelCard, path: Path) -> None:
    """Check that the network takes the card's features and has one output per label."""
    frontend = card.frontend
    ends = (*session.get_inputs(), *session.get_outputs())
    found = [(end.name, *end.shape[1:]) for end in ends]
    wanted = [(INPUT, 1, frontend.n_mels, frontend.frames), (OUTPUT, len(card.labels))]
    if found != wanted:
        raise AscNasError(
            f"{path}: does not fit its card: the network's input and output are {found}, the card "
            f"with its {len(card.labels)} labels asks for {wanted}."
        )
