"""Examples of one role: rows of the feature store, their labels and the clip each belongs to."""

from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass, replace
from typing import Any, Literal

import numpy as np
import torch
from torch import Tensor

from asc_nas.audio.logmel import FrontEnd
from asc_nas.data.feature_store import FeatureStore
from asc_nas.data.manifest import Manifest

Balance = bool | Literal["class", "recorder", "class_and_recorder"]
"""What is drawn equally often: nothing, every class (also ``True``), every recording device, or
every class and in it every recording device."""
Group = np.ndarray | list[np.ndarray]
"""Positions, or several groups of them that are drawn equally often themselves."""


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
    embeddings : (clips, dims) float32, optional
        What a teacher's features are of each clip, where they are learnt too.
    recorders : tuple of str
        Recording device of each clip, empty if unknown; an empty tuple if all are.
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
    embeddings: np.ndarray | None = None
    recorders: tuple[str, ...] = ()

    @classmethod
    def load(cls, manifest: Manifest, store: FeatureStore, roles: Sequence[str]) -> "Examples":
        """Collect the examples of the clips with one of `roles`, in manifest order."""
        rows: list[int] = []
        targets: list[int] = []
        clips: list[int] = []
        keys: list[str] = []
        recorders: list[str] = []
        for clip in manifest.clips:
            if clip.role not in roles or clip.key in store.failed:
                continue
            for row in store.rows(clip.key):
                rows.append(row)
                targets.append(manifest.label_index(clip))
                clips.append(len(keys))
            keys.append(clip.key)
            recorders.append(clip.device)
        return cls(
            store.features,
            np.array(rows, dtype=np.int64),
            np.array(targets, dtype=np.int64),
            np.array(clips, dtype=np.int64),
            tuple(keys),
            manifest.labels,
            store.frontend,
            store.check,
            recorders=tuple(recorders),
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
            embeddings=None if self.embeddings is None else self.embeddings[chosen],
            recorders=tuple(self.recorders[i] for i in chosen) if self.recorders else (),
        )

    def taught_by(
        self, probabilities: np.ndarray, share: float, embeddings: np.ndarray | None = None
    ) -> "Examples":
        """Return the examples with a share of a teacher's probabilities in their targets.

        Parameters
        ----------
        probabilities : (clips, labels)
        share : of the targets; the rest are the labels
        embeddings : (clips, dims), optional
        """
        labels = np.eye(len(self.labels), dtype=np.float32)[self.clip_targets]
        taught = ((1 - share) * labels + share * probabilities).astype(np.float32)
        return replace(self, taught=taught, embeddings=embeddings)

    def soft_targets(self, positions: np.ndarray) -> Tensor:
        """Return what is learnt of examples, (n, labels) float32: labels, or what `taught` says.

        Where there are `embeddings`, they stand beside it: (n, labels + dims).
        """
        if self.taught is None:
            one_hot = np.eye(len(self.labels), dtype=np.float32)
            return torch.from_numpy(one_hot[self.targets[positions]])
        taught = torch.from_numpy(self.taught[self.clips[positions]])
        if self.embeddings is None:
            return taught
        return torch.cat([taught, torch.from_numpy(self.embeddings[self.clips[positions]])], dim=1)

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
        self, size: int, rng: np.random.Generator | None = None, *, balanced: Balance = False
    ) -> Iterator[np.ndarray]:
        """Yield positions in batches of nearly equal length, at least `size` if that many exist.

        No example is dropped and no batch is tiny. Shuffled by `rng`, or in order without one.

        Parameters
        ----------
        balanced : Balance
            Draw as many examples, but every class or recording device equally often: of a large
            one some are left out, of a small one some come again. Needs `rng`.
        """
        if rng is None:
            order = np.arange(len(self))
        else:
            groups = self._groups(balanced)
            order = drawn_equally(groups, len(self), rng) if groups else rng.permutation(len(self))
        yield from np.array_split(order, max(1, len(self) // size))

    def _groups(self, balanced: Balance) -> list[Group]:
        """Return the positions of every group that is to be drawn equally often."""
        if not balanced:
            return []
        everything = np.arange(len(self))
        if balanced == "recorder":
            return list(self._by_recorder(everything))
        classes = [np.flatnonzero(self.targets == target) for target in np.unique(self.targets)]
        if balanced == "class_and_recorder":
            return [self._by_recorder(members) for members in classes]
        return list(classes)

    def _by_recorder(self, positions: np.ndarray) -> list[np.ndarray]:
        """Return positions by recording device; those of unknown ones are together."""
        names = np.asarray(self.recorders or [""] * self.num_clips)[self.clips[positions]]
        return [positions[names == name] for name in np.unique(names)]

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


def drawn_equally(groups: Sequence[Group], count: int, rng: np.random.Generator) -> np.ndarray:
    """Return `count` positions, shuffled, of every group equally often.

    Where `count` cannot be divided evenly, some groups, drawn by `rng`, come once more than others.
    Within a group every position comes once before one comes again.
    """
    each, more = divmod(count, len(groups))
    shares = np.full(len(groups), each)
    if more:
        shares[rng.permutation(len(groups))[:more]] += 1
    drawn = []
    for members, share in zip(groups, shares.tolist(), strict=True):
        if isinstance(members, list):
            drawn.append(drawn_equally(members, share, rng))
        else:
            rounds = [rng.permutation(members) for _ in range(-(-share // len(members)))]
            drawn.append(np.concatenate([*rounds, members[:0]])[:share])
    return rng.permutation(np.concatenate(drawn))
