"""The classifier: a recording in, a label with probabilities out, without PyTorch."""

import hashlib
import threading
from collections.abc import Callable, Iterable
from dataclasses import asdict, dataclass, field
from datetime import datetime
from functools import cached_property, lru_cache
from pathlib import Path
from typing import Any

import numpy as np
import onnxruntime
from numpy.typing import NDArray

from asc_nas.audio.io import AudioError, audio_blocks, audio_info
from asc_nas.audio.logmel import FLOOR_DB
from asc_nas.core.errors import AscNasError
from asc_nas.runtime.arrays import checked_array, rate_of_array
from asc_nas.runtime.card import LARGEST_FILE, ModelCard
from asc_nas.runtime.model_files import find_card
from asc_nas.runtime.onnx_file import check_network, last_features, one_network, with_outputs
from asc_nas.runtime.recording_time import recording_start, time_text
from asc_nas.runtime.segments import Segment, answer, decide, outcomes
from asc_nas.runtime.stream import MelObserver, SceneStream, Signal
from asc_nas.runtime.timeline import Step, TimelineConfig

INPUT, OUTPUT = "log_mel", "logits"
"""Of a network; that of one adapted to a recording device, in a file of several, see `output_of`.
"""
DEFAULT = TimelineConfig()
MOST_MEMORY = 2**31
"""Bytes that the networks of a process may take while they run."""
LARGEST_WINDOW = 2**26
"""Samples of all channels of a window: 1/4 GiB, and as much again for the next one."""
FIRST_RUN_SECONDS = 30.0
"""After which a network is given up that has not answered for one window; most take milliseconds.
"""


@dataclass(frozen=True)
class Classification:
    """The answer for one recording.

    Attributes
    ----------
    path : str
        The file; empty for an array.
    label, probability
        The most probable of `scores`, and how probable it is (0 to 1). If it is less probable than
        the settings ask for, the label is "unknown".
    scores : dict
        Probability of every label, in the card's order, then the share of the time that is "none of
        these" or "silent"; they sum to 1. The mean over the network windows and the channels that
        have a signal.
    segments : tuple of Segment
        The timeline, in order: one per window, or as the settings say.
    duration : float
        Seconds of the recording.
    steps : tuple of Step
        The smoothed timeline that the segments are made of.
    signal : Signal or None
        What of the recording is sound; None of a live stream.
    start_time : datetime or None
        When the recording began, where the file tells it; see `recording_time.recording_start`.
    """

    path: str
    label: str
    probability: float
    scores: dict[str, float]
    segments: tuple[Segment, ...]
    duration: float = field(compare=False)
    steps: tuple[Step, ...] = field(compare=False, repr=False)
    signal: Signal | None = field(default=None, compare=False, repr=False)
    start_time: datetime | None = field(default=None, compare=False)

    def to_json(self) -> dict[str, Any]:
        """Return plain data: path, label, probability, scores, segments.

        Where the time is known, the recording and its segments have a ``start_time``, ISO 8601.
        """
        return {
            "path": self.path,
            **self._time(0.0),
            "label": self.label,
            "probability": self.probability,
            "scores": self.scores,
            "segments": [asdict(each) | self._time(each.start) for each in self.segments],
        }

    def _time(self, seconds: float) -> dict[str, str]:
        text = time_text(self.start_time, seconds)
        return {"start_time": text} if text else {}


class Classifier:
    """An exported model and its card; make one with `Classifier.load`.

    Of a model with networks for recording devices it is the one that was asked for: temperature,
    limit of rejection and results of `card` are its own, ``card.recorder`` is its recording device.
    """

    def __init__(
        self, card: ModelCard, session: onnxruntime.InferenceSession, content: bytes = b""
    ) -> None:
        self.card = card
        self._session = session
        self._content = content  # of the ONNX file

    @classmethod
    def load(
        cls, model: str | Path, *, threads: int = 1, recorder: str | None = None
    ) -> "Classifier":
        """Load a model by path or by name.

        Parameters
        ----------
        model : str or Path
            ``NAME.onnx`` or ``NAME.json`` (the other stands beside it), a folder that holds one
            model, or a name from the folders of `model_files.model_folders`.
        threads : int
            Processor cores used for one network run.
        recorder : str, optional
            The recording device whose network is to answer. Of a device that the model has no
            network for the general one does; `ModelCard.told_of_recorder` says so.

        Raises
        ------
        AscNasError
            If there is no such model, one of its two files is missing or not ours, the two do not
            belong together, or the network does not answer for a window of silence.
        """
        card_path = find_card(model)
        onnx_path = card_path.with_suffix(".onnx")
        for path, other in ((card_path, onnx_path), (onnx_path, card_path)):
            if not path.is_file():
                raise AscNasError(f"{path}: no such file, but {other.name} needs it beside it.")
        whole = ModelCard.read(card_path)
        size = onnx_path.stat().st_size
        content = onnx_path.read_bytes() if size <= LARGEST_FILE else b""
        if hashlib.sha256(content).hexdigest() != whole.sha256:
            raise AscNasError(
                f"{onnx_path}: not the file that {card_path.name} describes (another SHA-256): it "
                "is damaged, or the two are of different models; copy both files again."
            )
        card = whole.of_recorder(recorder)
        outputs = [OUTPUT, *(output_of(each.recorder) for each in whole.recorders)]
        output = OUTPUT if card is whole else output_of(card.recorder)
        try:
            check_network(content)
            content = one_network(content, outputs, output)
            session = open_session(content, threads)
        except Exception as error:  # onnxruntime has no common base class for its errors
            why = f" ({error})" if isinstance(error, ValueError) else ""
            raise AscNasError(f"{onnx_path}: not a readable ONNX model{why}.") from error
        _check_fit(session, card, output, onnx_path)
        _check_answer(session, card, onnx_path)
        return cls(card, session, content)

    def classify(
        self,
        audio: str | Path | NDArray[np.floating],
        sample_rate: int | None = None,
        config: TimelineConfig = DEFAULT,
        *,
        on_progress: Callable[[float], None] | None = None,
        on_mel: MelObserver | None = None,
    ) -> Classification:
        """Classify one recording of any length and any number of channels.

        The recording is cut into windows of the card's length. The probabilities of a window are
        the mean over its channels that have a signal, those of the recording the mean over windows.
        Each window is rejected or silent by itself, see `segments.outcomes`.
        A file is decoded in blocks: its length costs no memory.

        Parameters
        ----------
        audio : str, Path or np.ndarray
            An audio file, or (samples,) or (channels, samples) floating point, full scale at 1.
        sample_rate : int, optional
            Hertz; to be given with an array, and with nothing else.
        config : TimelineConfig
            How windows overlap and become segments; by default one segment per window.
        on_progress : callable, optional
            Told the share of the recording that is done, 0 to 1.
        on_mel : callable, optional
            Told the start and the log-mel of every network window; see `stream.MelObserver`.

        Raises
        ------
        AudioError
            If the file cannot be read, or the recording is empty, not finite, or has too many
            channels for the memory that is taken.
        UsageError
            If the hop of `config` is longer than the network's window, or an array comes without a
            `sample_rate` in whole hertz.
        """
        if isinstance(audio, np.ndarray):
            path, rate = "", rate_of_array(sample_rate)
            wave = checked_array(audio)
            blocks: Iterable[NDArray[np.float32]] = [wave]
            total, channels = wave.shape[1] / rate, len(wave)
        else:
            path, info = str(audio), audio_info(audio)
            rate, total, channels = info.sample_rate, info.seconds, info.channels
            blocks = audio_blocks(audio)
        if channels * self.card.frontend.samples > LARGEST_WINDOW:
            raise AudioError(
                f"{path or 'audio array'}: has {channels} channels, too many for a model that "
                f"hears {self.card.frontend.seconds:g} s at a time; take some of them, or mix them."
            )
        stream = SceneStream(self, rate, config, on_mel)
        updates = []
        for block in blocks:
            updates.append(stream.feed(block))
            if on_progress is not None:
                on_progress(min(1.0, stream.seconds / total))
        try:
            updates.append(stream.finish())
        except AudioError as error:
            raise AudioError(f"{path or 'audio array'}: {error}") from error
        decided = decide(stream.posterior, config.min_confidence)
        labels = outcomes(self.card.labels)
        label, probability = answer(labels, stream.posterior, decided)
        return Classification(
            path,
            label,
            probability,
            dict(zip(labels, stream.posterior.tolist(), strict=True)),
            tuple(segment for update in updates for segment in update.segments),
            stream.seconds,
            tuple(step for update in updates for step in update.steps),
            stream.signal,
            recording_start(Path(path)) if path else None,
        )

    def embed(
        self,
        audio: str | Path | NDArray[np.floating],
        sample_rate: int | None = None,
        config: TimelineConfig = DEFAULT,
    ) -> NDArray[np.float32]:
        """Return the features before the last layer, for a classifier of one's own.

        Parameters
        ----------
        audio, sample_rate, config
            As for `classify`.

        Returns
        -------
        features : (windows, features) float32
            One row per window, the mean over bands, frames and channels; of a committee those of
            all its networks, side by side. Of a silent window too.

        Raises
        ------
        AscNasError
            As `classify`, and if the model has no such layer.
        """
        found: list[NDArray[np.float32]] = []

        def note(start: float, mel: NDArray[np.float32]) -> None:
            found.append(self.features(mel))

        self.classify(audio, sample_rate, config, on_mel=note)
        return np.stack(found)

    def features(self, mel: NDArray[np.float32]) -> NDArray[np.float32]:
        """Return the features (features,) of one window, see `embed`.

        Parameters
        ----------
        mel : (channels, mels, frames) float32, dB
        """
        maps = self._with_features.run(None, {INPUT: mel[:, None]})[1:]
        return np.concatenate([one.mean((0, 2, 3)) for one in maps])

    @property
    def has_features(self) -> bool:
        """Whether the model has a layer whose `features` are known."""
        return bool(self._content and last_features(self._content))

    @cached_property
    def _with_features(self) -> onnxruntime.InferenceSession:
        """A session whose outputs are the logits and what the last layers take."""
        names = last_features(self._content) if self._content else []
        if not names:
            raise AscNasError(f"the model {self.card.name}: has no layer whose features are known.")
        return open_session(with_outputs(self._content, names), threads=1)

    def posterior(self, mel: NDArray[np.float32]) -> NDArray[np.float64]:
        """Return the posterior (classes,) of one window, the mean over its channels.

        Parameters
        ----------
        mel : (channels, mels, frames) float32
            Its log-mel, by the card's front end.

        Raises
        ------
        AscNasError
            If the network's answer is not finite.
        """
        # One window at a time: a batch is no faster, and its sums, to the last bit, depend on how
        # many windows it holds.
        logits = self._session.run(None, {INPUT: mel[:, None]})[0]
        posterior: NDArray[np.float64] = softmax(logits / self.card.temperature).mean(axis=0)
        if not np.isfinite(posterior).all():
            raise AscNasError(f"the model {self.card.name}: its network answers NaN; use another.")
        return posterior


def output_of(recorder: str) -> str:
    """Return the output, in a file of several networks, of the one adapted to a recording device.

    The names of all its other values end alike.
    """
    return f"{OUTPUT}@{recorder}"


def softmax(logits: NDArray[np.floating]) -> NDArray[np.float64]:
    """Return probabilities, (..., classes) float64, of `logits` (..., classes)."""
    shifted = logits.astype(np.float64) - logits.max(axis=-1, keepdims=True)
    powers = np.exp(shifted)
    return powers / powers.sum(axis=-1, keepdims=True)


def open_session(model: bytes, threads: int) -> onnxruntime.InferenceSession:
    """Return a quiet inference session on the processor for the bytes of an ONNX file.

    Of an int8 network the answers are those of exact integer sums on every processor: without VNNI,
    x86 adds two products in 16 bits, which overflow, unless onnxruntime is told to do otherwise.
    """
    options = onnxruntime.SessionOptions()
    options.intra_op_num_threads = threads
    options.inter_op_num_threads = 1
    options.log_severity_level = 3  # errors only
    options.add_session_config_entry("session.x64quantprecision", "1")
    options.add_session_config_entry("session.use_env_allocators", "1")
    _limit_memory()
    return onnxruntime.InferenceSession(model, options, providers=["CPUExecutionProvider"])


@lru_cache(maxsize=1)
def _limit_memory() -> None:
    """Give all sessions of the process one allocator, which refuses what goes over the limit."""
    kind = onnxruntime.OrtAllocatorType.ORT_ARENA_ALLOCATOR
    place = onnxruntime.OrtMemoryInfo("Cpu", kind, 0, onnxruntime.OrtMemType.DEFAULT)
    limit = onnxruntime.OrtArenaCfg({"max_mem": MOST_MEMORY})
    onnxruntime.create_and_register_allocator(place, limit)


def _check_fit(
    session: onnxruntime.InferenceSession, card: ModelCard, output: str, path: Path
) -> None:
    """Check that the network takes the card's features and has one output per label."""
    frontend = card.frontend
    ends = (*session.get_inputs(), *session.get_outputs())
    found = [(end.name, *end.shape[1:]) for end in ends]
    wanted = [(INPUT, 1, frontend.n_mels, frontend.frames), (output, len(card.labels))]
    if found != wanted:
        raise AscNasError(
            f"{path}: does not fit its card: the network's input and output are {found}, the card "
            f"with its {len(card.labels)} labels asks for {wanted}."
        )


def _check_answer(session: onnxruntime.InferenceSession, card: ModelCard, path: Path) -> None:
    """Check that the network answers for silence, in bounded time and memory."""
    options = onnxruntime.RunOptions()
    options.log_severity_level = 4  # what it would say is in the error
    watch = threading.Timer(FIRST_RUN_SECONDS, setattr, (options, "terminate", True))
    watch.daemon = True
    silence = np.full((1, 1, card.frontend.n_mels, card.frontend.frames), FLOOR_DB, np.float32)
    watch.start()
    try:
        logits = session.run(None, {INPUT: silence}, options)[0]
    except Exception as error:  # onnxruntime has no common base class for its errors
        raise AscNasError(
            f"{path}: the network cannot be run here: it fails, needs more than "
            f"{MOST_MEMORY >> 30} GB of memory, or takes more than {FIRST_RUN_SECONDS:g} s."
        ) from error
    finally:
        watch.cancel()
    if logits.shape != (1, len(card.labels)) or not np.isfinite(logits).all():
        raise AscNasError(f"{path}: the network's answer is not one number for every label.")
