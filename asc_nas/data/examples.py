"""Examples of one role: rows of the feature store, their labels and the clip each belongs to."""

from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass, replace
from typing import Any

import numpy as np
import torch
from torch import Tensor

from asc_nas.audio.logmel import FrontEnd
from asc_nas.data.feature_store import FeatureStore
from asc_nas.data.manifest import Manifest


@dataclass(frozen=True)
class Examples:
    """One example per channel of every clip that is heard.

    Attributes
    ----------
    features : (rows, mels, frames) float16, dB
        The whole store, usually memory-mapped; only the rows asked for are read.
    rows : (examples,) int64
        Row of each example.
    targets : (examples,) int64
        Position in `labels`.
    clips : (examples,) int64
        Clip of each example, 0 to `num_clips` - 1.
    clip_keys : tuple of str
        Identity of each clip.
    labels : tuple of str
    frontend : FrontEnd
        How the features were made.
    check : callable, optional
        Told the rows and values that are read, see `asc_nas.data.feature_store.Check`.
    taught : (clips, labels) float32, optional
        What is learnt of each clip in place of its label alone; rows sum to 1.
    """

    features: Any
    rows: np.ndarray
    targets: np.ndarray
    clips: np.ndarray
    clip_keys: tuple[str, ...]
    labels: tuple[str, ...]
    frontend: FrontEnd
    check: Callable[[np.ndarray, np.ndarray], None] | None = None
    taught: np.ndarray | None = None

    @classmethod
    def load(cls, manifest: Manifest, store: FeatureStore, roles: Sequence[str]) -> "Examples":
        """Collect the examples of the clips with one of `roles`, in manifest order."""
        rows: list[int] = []
        targets: list[int] = []
        clips: list[int] = []
        keys: list[str] = []
        for clip in manifest.clips:
            if clip.role not in roles or clip.key in store.failed:
                continue
            for row in store.rows(clip.key):
                rows.append(row)
                targets.append(manifest.label_index(clip))
                clips.append(len(keys))
            keys.append(clip.key)
        return cls(
            store.features,
            np.array(rows, dtype=np.int64),
            np.array(targets, dtype=np.int64),
            np.array(clips, dtype=np.int64),
            tuple(keys),
            manifest.labels,
            store.frontend,
            store.check,
        )

    def of_clips(self, chosen: np.ndarray) -> "Examples":
        """Return the examples of the clips at positions `chosen`, in their order."""
        place = np.full(self.num_clips, -1)
        place[chosen] = np.arange(len(chosen))
        kept = np.flatnonzero(place[self.clips] >= 0)
        kept = kept[np.argsort(place[self.clips[kept]], kind="stable")]
        return replace(
            self,
            rows=self.rows[kept],
            targets=self.targets[kept],
            clips=place[self.clips[kept]],
            clip_keys=tuple(self.clip_keys[i] for i in chosen),
            taught=None if self.taught is None else self.taught[chosen],
        )

    def taught_by(self, probabilities: np.ndarray, share: float) -> "Examples":
        """Return the examples with a share of a teacher's probabilities in their targets.

        Parameters
        ----------
        probabilities : (clips, labels)
        share : of the targets; the rest are the labels
        """
        labels = np.eye(len(self.labels), dtype=np.float32)[self.clip_targets]
        taught = (1 - share) * labels + share * probabilities
        return replace(self, taught=taught.astype(np.float32))

    def soft_targets(self, positions: np.ndarray) -> Tensor:
        """Return what is learnt of examples, (n, labels) float32: labels, or what `taught` says."""
        if self.taught is None:
            one_hot = np.eye(len(self.labels), dtype=np.float32)
            return torch.from_numpy(one_hot[self.targets[positions]])
        return torch.from_numpy(self.taught[self.clips[positions]])

    def __len__(self) -> int:
        return len(self.rows)

    @property
    def num_clips(self) -> int:
        """Number of clips; a clip has one example per channel that is heard."""
        return len(self.clip_keys)

    @property
    def clip_targets(self) -> np.ndarray:
        """Label position of each clip, (clips,) int64."""
        targets = np.zeros(self.num_clips, dtype=np.int64)
        targets[self.clips] = self.targets
        return targets

    def batch(self, positions: np.ndarray) -> tuple[Tensor, Tensor]:
        """Return the log-mel (n, 1, mels, frames) float32 in dB and the targets (n,).

        Raises
        ------
        AscNasError
            If an example is not what was written.
        """
        x = torch.from_numpy(np.asarray(self.stored(positions), dtype=np.float32)).unsqueeze(1)
        return x, torch.from_numpy(self.targets[positions])

    def stored(self, positions: np.ndarray) -> np.ndarray:
        """Return the log-mel as it is stored, (n, mels, frames) float16 in dB.

        Raises
        ------
        AscNasError
            If an example is not what was written.
        """
        rows = self.rows[positions]
        stored = self.features[rows]
        if self.check is not None:
            self.check(rows, stored)
        return np.asarray(stored)

    def batches(
        self, size: int, rng: np.random.Generator | None = None, *, balanced: bool = False
    ) -> Iterator[np.ndarray]:
        """Yield positions in batches of nearly equal length, at least `size` if that many exist.

        No example is dropped and no batch is tiny. Shuffled by `rng`, or in order without one.

        Parameters
        ----------
        balanced : bool
            Draw as many examples, but every class equally often: of a large class some are left
            out, of a small one some come again. Needs `rng`.
        """
        if rng is None:
            order = np.arange(len(self))
        else:
            order = self._balanced(rng) if balanced else rng.permutation(len(self))
        yield from np.array_split(order, max(1, len(self) // size))

    def _balanced(self, rng: np.random.Generator) -> np.ndarray:
        """Return as many positions as there are examples, every class equally often, shuffled."""
        classes = [np.flatnonzero(self.targets == target) for target in np.unique(self.targets)]
        each = -(-len(self) // len(classes))
        drawn = []
        for members in classes:
            rounds = [rng.permutation(members) for _ in range(-(-each // len(members)))]
            drawn.append(np.concatenate(rounds)[:each])
        return rng.permutation(np.concatenate(drawn))[: len(self)]

    def clip_posteriors(self, posteriors: np.ndarray) -> np.ndarray:
        """Average posteriors (examples, classes) over each clip's channels: (clips, classes)."""
        total = np.zeros((self.num_clips, posteriors.shape[1]))
        np.add.at(total, self.clips, posteriors)
        return total / np.bincount(self.clips, minlength=self.num_clips)[:, None]

    def mel_statistics(
        self, level: Callable[[Tensor], Tensor] | None = None, chunk: int = 256
    ) -> tuple[Tensor, Tensor]:
        """Return mean and standard deviation of each mel band in dB, both (mels,) float32.

        Parameters
        ----------
        level : function of log-mel (n, 1, mels, frames)
            Statistics are those of its result; without it, of the log-mel itself.
        chunk : int
            Examples read at once.
        """
        total = np.zeros(self.features.shape[1])
        square = np.zeros_like(total)
        for start in range(0, len(self), chunk):
            log_mel, _ = self.batch(np.arange(start, min(start + chunk, len(self))))
            x = (level(log_mel) if level else log_mel)[:, 0].numpy().astype(np.float64)
            total += x.mean(2).sum(0)
            square += (x**2).mean(2).sum(0)
        mean = total / len(self)
        std = np.sqrt(np.maximum(square / len(self) - mean**2, 0))
        return torch.from_numpy(mean).float(), torch.from_numpy(std).float()
