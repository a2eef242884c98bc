"""Batches of examples on the device that computes: kept there, or read while it computes."""

from collections.abc import Callable, Iterable, Iterator
from concurrent.futures import ThreadPoolExecutor

import numpy as np
import torch
from numpy.typing import NDArray
from torch import Tensor

from asc_nas.data.examples import Examples

Wanted = tuple[Examples, NDArray[np.int64]]
"""Examples, and the positions in them that make a batch."""

SHARE = 0.25
"""Part of a GPU's free memory that one set of examples may take; the rest is for others and for
the training."""
_AT_ONCE = 1024  # examples that are copied to a GPU


class Loader:
    """Gives batches of examples on a device.

    On the CPU they are read when they are asked for. On a GPU, examples that come again are kept
    there as float16 if they fit (`SHARE`). Others are read by a thread one batch ahead, and copied
    from page-locked memory, as float16, while the GPU computes.

    Parameters
    ----------
    device : where the batches are wanted
    again : bool
        Whether the same examples are asked for again and again.
    """

    def __init__(self, device: str | torch.device, *, again: bool = False) -> None:
        self.device = torch.device(device)
        self.reads_ahead = self.device.type != "cpu"
        self._again = again
        self._kept: dict[int, tuple[Examples, Tensor | None]] = {}

    def batches(self, wanted: Iterable[Wanted]) -> Iterator[tuple[Tensor, Tensor]]:
        """Yield the log-mel (n, 1, mels, frames) float32 in dB, and the targets (n,) on the CPU.

        Raises
        ------
        AscNasError
            If an example is not what was written.
        """
        if not self.reads_ahead:
            yield from (examples.batch(positions) for examples, positions in wanted)
            return
        with ThreadPoolExecutor(1, "examples") as reader:
            ahead: tuple[Callable[[], Tensor], Tensor] | None = None
            for examples, positions in wanted:
                begun = self._begin(examples, positions, reader)
                targets = torch.from_numpy(examples.targets[positions])
                if ahead is not None:
                    yield ahead[0](), ahead[1]
                ahead = begun, targets
            if ahead is not None:
                yield ahead[0](), ahead[1]

    def _begin(
        self, examples: Examples, positions: NDArray[np.int64], reader: ThreadPoolExecutor
    ) -> Callable[[], Tensor]:
        """Begin to read a batch; return what gives it."""
        kept = self._keep(examples) if self._again else None
        if kept is not None:
            return lambda: kept[torch.from_numpy(positions).to(self.device)].float().unsqueeze(1)
        future = reader.submit(examples.stored, positions)
        return lambda: self._copied(future.result()).float().unsqueeze(1)

    def _copied(self, stored: NDArray[np.float16]) -> Tensor:
        """Return stored examples on the device; the copy may still be under way."""
        values = torch.from_numpy(stored)
        if self.device.type == "cuda":
            values = values.pin_memory()
        return values.to(self.device, non_blocking=True)

    def _keep(self, examples: Examples) -> Tensor | None:
        """Return all examples on the device, (examples, mels, frames) float16, if they fit."""
        if id(examples) not in self._kept:
            shape = (len(examples), *examples.features.shape[1:])
            fits = 2 * int(np.prod(shape)) <= free_memory(self.device) * SHARE
            self._kept[id(examples)] = examples, self._uploaded(examples, shape) if fits else None
        return self._kept[id(examples)][1]

    def _uploaded(self, examples: Examples, shape: tuple[int, ...]) -> Tensor:
        kept = torch.empty(shape, dtype=torch.float16, device=self.device)
        for start in range(0, len(examples), _AT_ONCE):
            some = np.arange(start, min(start + _AT_ONCE, len(examples)))
            kept[start : start + len(some)] = self._copied(examples.stored(some))
        return kept


def free_memory(device: torch.device) -> int:
    """Return the bytes that are free on a CUDA GPU; 0 of what shares the machine's memory."""
    return torch.cuda.mem_get_info(device)[0] if device.type == "cuda" else 0
