"""Batches for a GPU are those of the CPU, kept on it or read ahead."""

import threading
from dataclasses import replace

import numpy as np
import pytest
import torch
from toy import make_examples

from asc_nas.core.errors import AscNasError
from asc_nas.data import loading
from asc_nas.data.loading import Loader


def as_for_a_gpu(again):
    """Return a loader that reads as for a GPU, though all of it stays on the CPU."""
    loader = Loader("cpu", again=again)
    loader.reads_ahead = True
    return loader


@pytest.mark.parametrize(("again", "free"), [(False, 0), (True, 0), (True, 2**30)])
def test_batches_are_the_same_whether_kept_or_read_ahead(monkeypatch, again, free):
    monkeypatch.setattr(loading, "free_memory", lambda device: free)
    monkeypatch.setattr(loading, "_AT_ONCE", 7)
    first, second = make_examples(24, channels=2), make_examples(9, seed=1)
    rng = np.random.default_rng(0)
    wanted = [(first, chosen) for chosen in first.batches(8, rng)]
    wanted[2:2] = [(second, np.array([3, 3, 0]))]
    loader = as_for_a_gpu(again)
    for _ in range(2):
        found = list(loader.batches(iter(wanted)))
        assert len(found) == len(wanted)
        for (examples, chosen), (x, targets) in zip(wanted, found, strict=True):
            expected, own = examples.batch(chosen)
            assert torch.equal(x, expected)
            assert x.dtype == torch.float32
            assert torch.equal(targets, own)


def test_what_fits_is_read_once_and_other_examples_one_batch_ahead(monkeypatch):
    reads, rows = [], []

    def check(seen, values):
        reads.append(threading.current_thread().name)
        rows.extend(seen)

    examples = replace(make_examples(24), check=check)
    monkeypatch.setattr(loading, "free_memory", lambda device: 2**30)
    loader = as_for_a_gpu(True)
    for _ in range(3):
        list(loader.batches((examples, chosen) for chosen in examples.batches(8)))
    assert sorted(rows) == list(range(24))
    assert reads == ["MainThread"]

    reads.clear()
    rows.clear()
    batches = as_for_a_gpu(False).batches((examples, chosen) for chosen in examples.batches(8))
    next(batches)
    batches.close()  # waits for the thread
    assert sorted(rows) == list(range(16))
    assert all(name.startswith("examples") for name in reads)


def test_damage_is_told_by_whoever_asks_for_the_batch():
    def check(seen, values):
        if 9 in seen:
            raise AscNasError("damaged")

    examples = replace(make_examples(24), check=check)
    batches = as_for_a_gpu(False).batches((examples, chosen) for chosen in examples.batches(8))
    next(batches)
    with pytest.raises(AscNasError, match="damaged"):
        next(batches)
