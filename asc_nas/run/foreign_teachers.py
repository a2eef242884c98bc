"""Teachers of others: an ONNX model with an adapter that names its input, or a Python function."""

import importlib
import importlib.util
import re
import sys
from collections.abc import Callable, Sequence
from pathlib import Path
from typing import Any, Final, Self

import numpy as np
import onnxruntime
from numpy.typing import NDArray
from pydantic import Field, model_validator

from asc_nas.audio.io import load_audio
from asc_nas.audio.logmel import FrontEnd, fit_length, log_mel
from asc_nas.core.config import Config, read_yaml
from asc_nas.core.errors import AscNasError, UsageError, shortened
from asc_nas.data.logits import ClipScores, numbers
from asc_nas.data.manifest import Clip
from asc_nas.run.folder import RunFolder

Wave = NDArray[np.float32]
Hear = Callable[[Path, Clip], tuple[Any, Any]]
"""From a clip to its logits, and its embedding or None."""
FUNCTION: Final = re.compile(r"(?P<module>.+\.py|[\w.]+):(?P<name>[A-Za-z_]\w*)")
"""``package.module:function`` or ``FILE.py:function``."""


class Adapter(Config):
    """How an ONNX model of others is asked: ``NAME.yaml`` beside ``NAME.onnx``.

    It gets the samples of a clip (1, samples), full scale 1, all channels averaged, at
    `sample_rate` and for `seconds`; or with a `frontend` log-mel (1, 1, mels, frames) in dB.
    """

    input: str
    """Name of the graph's input."""
    output: str
    """Name of the output (1, labels) that is the logits; log probabilities will do."""
    labels: tuple[str, ...] = Field(min_length=2)
    """The run's labels in the order of the output."""
    embedding: str | None = None
    """Name of the output that is a clip's embedding, of any shape, for feature distillation."""
    sample_rate: int | None = Field(default=None, ge=1000, le=384_000)
    """Hertz of the samples; not with a `frontend`."""
    seconds: float | None = Field(default=None, ge=0.01, le=3600)
    """Length of the samples: shorter clips end in silence, of longer ones the beginning is heard;
    null is the clip as it is. Not with a `frontend`, which has its own."""
    frontend: FrontEnd | None = None
    """The log-mel that it hears, as in a run's config."""

    @model_validator(mode="after")
    def _check_input(self) -> Self:
        if (self.frontend is None) == (self.sample_rate is None):
            raise ValueError("give either the sample_rate of samples or a frontend")
        if self.frontend is not None and self.seconds is not None:
            raise ValueError("a frontend has seconds of its own")
        return self

    def heard(self, path: Path, clip: Clip) -> Wave:
        """Return what the model gets of a clip."""
        heard = self.frontend
        if heard is not None:
            wave = load_audio(path, heard.sample_rate, clip.start, clip.duration or heard.seconds)
            mono = wave.mean(axis=0, keepdims=True)
            return log_mel(fit_length(mono, heard.samples, heard.short), heard)[:, None]
        assert self.sample_rate is not None
        seconds = self.seconds or clip.duration
        wave = load_audio(path, self.sample_rate, clip.start, clip.duration or seconds)
        mono = wave.mean(axis=0, keepdims=True)
        if self.seconds is not None:
            mono = fit_length(mono, round(self.seconds * self.sample_rate), "silence")
        return mono


def scores_of_model(
    run: RunFolder, model: Path, adapter: Path, clips: Sequence[Clip]
) -> ClipScores:
    """Return what an ONNX model of others says of clips.

    Raises
    ------
    UsageError
        If the adapter is wrong.
    AscNasError
        If the model cannot be read or asked, or its answers do not fit.
    """
    told = Adapter.parse(read_yaml(adapter), str(adapter))
    options = onnxruntime.SessionOptions()
    options.log_severity_level = 4  # what it would say is in the error
    try:
        session = onnxruntime.InferenceSession(model, options, providers=["CPUExecutionProvider"])
    except Exception as error:  # onnxruntime has no common base class for its errors
        raise AscNasError(
            f"{model}: cannot be run by onnxruntime ({shortened(str(error))}); export it again."
        ) from error
    for kind, name, ends in (
        ("input", told.input, session.get_inputs()),
        ("output", told.output, session.get_outputs()),
        ("embedding", told.embedding, session.get_outputs()),
    ):
        names = [end.name for end in ends]
        if name is not None and name not in names:
            raise UsageError(
                f"{adapter}: {kind}: {model.name} has no '{name}'; it has: {', '.join(names)}."
            )
    wanted = [told.output, *([] if told.embedding is None else [told.embedding])]

    def hear(path: Path, clip: Clip) -> tuple[Any, Any]:
        logits, *embedding = session.run(wanted, {told.input: told.heard(path, clip)})
        return logits, embedding[0] if embedding else None

    return _asked(run, str(model), hear, clips, told.labels)


def scores_of_function(run: RunFolder, text: str, clips: Sequence[Clip]) -> ClipScores:
    """Return what a Python function says of clips.

    It is called once, with the labels in the order of the logits that it is to give, and returns
    what is called for every clip: with the samples (channels, samples) float32 and their rate in
    hertz, for logits (labels,), or logits and an embedding.

    Parameters
    ----------
    text : ``package.module:function`` or ``FILE.py:function``

    Raises
    ------
    AscNasError
        If it cannot be loaded, or fails, or its answers do not fit.
    """
    answer = _loaded(text, run.manifest.labels)

    def hear(path: Path, clip: Clip) -> tuple[Any, Any]:
        rate = run.config.frontend.sample_rate
        given = answer(load_audio(path, rate, clip.start, clip.duration), rate)
        return given if isinstance(given, tuple) else (given, None)

    return _asked(run, text, hear, clips, run.manifest.labels)


def _loaded(text: str, labels: tuple[str, ...]) -> Callable[[Wave, int], Any]:
    found = FUNCTION.fullmatch(text)
    assert found is not None
    name = found["module"]
    # As 'python FILE.py' and 'python -m module' would find what lies beside it.
    beside = str(Path(name).resolve().parent if name.endswith(".py") else Path.cwd())
    if beside not in sys.path:
        sys.path.insert(0, beside)
    try:
        if name.endswith(".py"):
            # Not as what 'import' would call it: a file may be called as another module is.
            spec = importlib.util.spec_from_file_location(f"{Path(name).stem} (teacher)", name)
            assert spec is not None
            assert spec.loader is not None
            module = importlib.util.module_from_spec(spec)
            sys.modules[spec.name] = module
            spec.loader.exec_module(module)
        else:
            module = importlib.import_module(name)
        answer: Callable[[Wave, int], Any] = getattr(module, found["name"])(labels)
    except (Exception, SystemExit) as error:  # of code that is not ours
        raise AscNasError(
            f"{text}: cannot be loaded ({type(error).__name__}: {shortened(str(error))}); it must "
            "be a function from the labels to the function that hears a clip."
        ) from error
    return answer


def _asked(
    run: RunFolder, name: str, hear: Hear, clips: Sequence[Clip], labels: tuple[str, ...]
) -> ClipScores:
    """Return what a teacher says of clips, held against the labels clip by clip."""
    logits: list[NDArray[np.float32]] = []
    embeddings: list[NDArray[np.float32]] = []
    if sorted(labels) != sorted(run.manifest.labels):
        raise AscNasError(
            f"{name}: a teacher of other labels ({', '.join(labels)}); it must be one of: "
            f"{', '.join(run.manifest.labels)}."
        )
    with run.listener.stage(f"{Path(name).name} teaches") as progress:
        for number, clip in enumerate(clips, start=1):
            try:
                said, embedding = hear(run.manifest.audio_path(clip), clip)
                logits.append(numbers(said).reshape(-1))
                if embedding is not None:
                    embeddings.append(numbers(embedding).reshape(-1))
            except AscNasError:
                raise
            except (Exception, SystemExit) as error:  # of a model or code that is not ours
                raise AscNasError(
                    f"{name}: failed on {clip.key} ({type(error).__name__}: "
                    f"{shortened(str(error))}); see what it takes."
                ) from error
            if len(logits[-1]) != len(labels):
                raise AscNasError(
                    f"{name}: gave {len(logits[-1])} numbers for {clip.key}, and there are "
                    f"{len(labels)} labels; it must give one for each."
                )
            given = [logits[-1], *embeddings[-1:]]
            if not all(np.isfinite(values).all() for values in given):
                raise AscNasError(
                    f"{name}: gave numbers that are not finite for {clip.key}; see what it takes."
                )
            fits = len(embeddings) == number and len(embeddings[-1]) == len(embeddings[0])
            if embeddings and not fits:
                raise AscNasError(
                    f"{name}: its embedding of {clip.key} is missing, or as long as no "
                    "other's; all must have one length."
                )
            progress(number, len(clips), "clips")
    found = ClipScores(
        tuple(clip.key for clip in clips),
        labels,
        np.stack(logits),
        embeddings=np.stack(embeddings) if embeddings else None,
        dims=(len(embeddings[0]),) if embeddings else (),
    )
    found.require_sound(Path(name))
    return found
