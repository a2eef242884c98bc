"""Files of logits: what a teacher says of clips, whatever kind of model it is."""

from collections.abc import Collection, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any, Final, Self

import numpy as np
from numpy.typing import NDArray

from asc_nas.core.errors import AscNasError, shortened
from asc_nas.core.files import atomic_path

FORMAT: Final = "asc-nas/logits/1"
_ARRAYS = ("format", "keys", "labels", "logits")


@dataclass(frozen=True, eq=False)
class ClipScores:
    """Logits of clips, as a model gave them.

    Attributes
    ----------
    keys : tuple of str
        Identity of each clip, as in a manifest: its path, and ``@`` with its start in seconds if
        that is not 0.
    labels : tuple of str
    logits : (clips, labels) float32
        Log probabilities will do.
    trained_on : frozenset of str
        Keys of the clips that the model was trained on; empty if that is not known.
    embeddings : (clips, dims) float32, optional
        What its layer to the classes takes; of several models side by side.
    dims : tuple of int
        Length of each model's embedding.
    """

    keys: tuple[str, ...]
    labels: tuple[str, ...]
    logits: NDArray[np.float32]
    trained_on: frozenset[str] = frozenset()
    embeddings: NDArray[np.float32] | None = None
    dims: tuple[int, ...] = ()

    def write(self, path: Path) -> None:
        """Write ``path``, an ``.npz`` file."""
        arrays = {
            "format": np.array(FORMAT),
            "keys": np.array(self.keys, dtype=np.str_),
            "labels": np.array(self.labels, dtype=np.str_),
            "logits": self.logits.astype(np.float32),
            "trained_on": np.array(sorted(self.trained_on), dtype=np.str_),
        }
        if self.embeddings is not None:
            arrays["embeddings"] = self.embeddings.astype(np.float32)
            arrays["dims"] = np.array(self.dims, dtype=np.int64)
        with atomic_path(path) as temporary, temporary.open("wb") as file:
            np.savez_compressed(file, allow_pickle=False, **arrays)

    @classmethod
    def read(cls, path: Path) -> Self:
        """Read a file that `write` or somebody else wrote.

        Raises
        ------
        AscNasError
            If it is missing, damaged, or not such a file.
        """
        if not path.is_file():
            raise AscNasError(f"{path}: no such file of logits; 'asc-nas teach' writes one.")
        try:
            with np.load(path, allow_pickle=False) as stored:
                missing = [name for name in _ARRAYS if name not in stored]
                if missing:
                    raise ValueError(f"it has no array '{missing[0]}'")
                if str(stored["format"]) != FORMAT:
                    raise ValueError(f"its format is not {FORMAT}")
                keys, labels = (tuple(map(str, stored[name])) for name in ("keys", "labels"))
                logits = numbers(stored["logits"])
                heard = map(str, stored["trained_on"]) if "trained_on" in stored else ()
                trained_on = frozenset(heard)
                embeddings: NDArray[np.float32] | None = None
                dims: tuple[int, ...] = ()
                if "embeddings" in stored:
                    embeddings = numbers(stored["embeddings"])
                    # A file of one model need not say how long its embedding is.
                    given = stored["dims"] if "dims" in stored else embeddings.shape[1:]
                    dims = tuple(numbers(given).astype(np.int64).tolist())
        except (OSError, ValueError, KeyError, EOFError, TypeError) as error:
            raise AscNasError(
                f"{path}: not readable as logits ({shortened(str(error))}); write it again."
            ) from error
        except Exception as error:  # zipfile and zlib have errors of their own
            raise AscNasError(f"{path}: damaged ({error}); write it again.") from error
        found = cls(keys, labels, logits, trained_on, embeddings, dims)
        found.require_sound(path)
        return found

    def require_sound(self, path: Path) -> None:
        """Raise AscNasError if shape, names or numbers of what is in `path` cannot be right."""
        if self.logits.shape != (len(self.keys), len(self.labels)):
            raise AscNasError(
                f"{path}: {len(self.keys)} clips and {len(self.labels)} labels, but logits of the "
                f"shape {self.logits.shape}; write it again."
            )
        for what, names in (("clip", self.keys), ("label", self.labels)):
            if len(set(names)) < len(names):
                raise AscNasError(f"{path}: names a {what} twice; keep one.")
        if not np.isfinite(self.logits).all():
            raise AscNasError(f"{path}: holds logits that are not finite; write it again.")
        if self.embeddings is None:
            return
        if (
            self.embeddings.shape != (len(self.keys), sum(self.dims))
            or min(self.dims, default=0) < 1
        ):
            raise AscNasError(
                f"{path}: {len(self.keys)} clips, and embeddings of the shape "
                f"{self.embeddings.shape} and the lengths {self.dims}; write it again."
            )
        if not np.isfinite(self.embeddings).all():
            raise AscNasError(f"{path}: holds embeddings that are not finite; write it again.")

    def of(
        self, keys: Sequence[str], labels: Sequence[str], path: Path | str
    ) -> NDArray[np.float32]:
        """Return the logits (clips, labels) of clips, in their order and in that of `labels`.

        Parameters
        ----------
        path : the file, for errors

        Raises
        ------
        AscNasError
            If a clip is missing, or its labels are others.
        """
        self.require_labels(labels, path)
        columns = [self.labels.index(label) for label in labels]
        return self.logits[self._rows(keys, path)][:, columns]

    def embeddings_of(self, keys: Sequence[str], path: Path | str) -> NDArray[np.float32]:
        """Return the embeddings (clips, dims) of clips, in their order, each model's of length 1.

        Raises
        ------
        AscNasError
            If a clip is missing, or there are no embeddings.
        """
        self.require_embeddings(path)
        assert self.embeddings is not None
        ends = np.cumsum(self.dims)[:-1]
        parts = np.split(self.embeddings[self._rows(keys, path)], ends, axis=1)
        scaled = []
        for part in parts:
            exact = part.astype(np.float64)  # squares may be too large for less
            length = np.maximum(np.linalg.norm(exact, axis=1, keepdims=True), 1e-12)
            scaled.append((exact / length).astype(np.float32))
        return np.concatenate(scaled, axis=1)

    def require_embeddings(self, path: Path | str) -> None:
        """Raise AscNasError if the file holds logits alone."""
        if self.embeddings is None:
            raise AscNasError(
                f"{path}: holds no embeddings, which retrain.teacher.feature_weight needs; take a "
                "teacher that has some, or set it to 0."
            )

    def require_clips(self, keys: Sequence[str], path: Path | str) -> None:
        """Raise AscNasError if a clip is missing."""
        known = set(self.keys)
        missing = [key for key in keys if key not in known]
        if missing:
            raise AscNasError(
                f"{path}: {len(missing)} of {len(keys)} clips are missing, the first is "
                f"'{missing[0]}'; let the teacher hear all training clips ('asc-nas teach' leaves "
                "out the test clips of its own run)."
            )

    def _rows(self, keys: Sequence[str], path: Path | str) -> list[int]:
        self.require_clips(keys, path)
        places = {key: place for place, key in enumerate(self.keys)}
        return [places[key] for key in keys]

    def require_labels(self, labels: Sequence[str], path: Path | str) -> None:
        """Raise AscNasError unless the labels are these, in any order."""
        if set(labels) != set(self.labels):
            other = sorted(set(labels) ^ set(self.labels))
            raise AscNasError(
                f"{path}: a teacher of other labels ('{other[0]}' is not common to both); take one "
                f"of: {', '.join(labels)}."
            )

    def require_unheard(self, keys: Collection[str], path: Path | str) -> None:
        """Raise AscNasError if the model was trained on one of `keys`, which are for a test."""
        known = self.trained_on & set(keys)
        if known:
            raise AscNasError(
                f"{path}: the teacher was trained on {len(known)} of the {len(keys)} test clips: "
                "a student's score on them would mean nothing. Take one that has not heard them."
            )


def numbers(values: Any) -> NDArray[np.float32]:
    """Return a copy of real numbers as float32.

    Raises
    ------
    ValueError
        If they are none.
    """
    found = np.asarray(values)
    if found.dtype.kind not in "fiu":
        raise ValueError(f"its values are {found.dtype}, and real numbers are needed")
    with np.errstate(over="ignore"):  # what is too large is told as not finite
        return found.astype(np.float32, copy=True)


def mean_probabilities(logits: Sequence[NDArray[np.float32]], temperature: float) -> NDArray:
    """Return the probabilities (clips, labels) float32 of the mean of several teachers' logits.

    Each teacher's logits become log probabilities first, so that none outweighs another by scale.
    """
    scaled = np.mean([_log_softmax(one) for one in logits], axis=0) / temperature
    return np.exp(_log_softmax(scaled)).astype(np.float32)


def _log_softmax(logits: NDArray) -> NDArray:
    shifted = logits.astype(np.float64) - logits.max(axis=1, keepdims=True)
    return shifted - np.log(np.exp(shifted).sum(axis=1, keepdims=True))
