"""The benchmark of a GPU says that it needs one, and all that it times runs."""

import gpu
import numpy as np
import pytest
import torch

from asc_nas.run.opening import read_settings


def test_without_a_gpu_it_says_so(monkeypatch):
    monkeypatch.setattr(torch.cuda, "is_available", lambda: False)
    with pytest.raises(SystemExit, match="needs a CUDA GPU, and PyTorch finds none here"):
        gpu.main()


@pytest.mark.parametrize("peers", [gpu.supernet_peers, gpu.retraining_peers])
def test_every_peer_makes_its_step(peers):
    config = read_settings("nasc")
    network = ("baseline",) if peers is gpu.retraining_peers else ()
    found = peers(config, *network, "cpu", 2)
    assert len(found) == len(gpu.PRECISIONS) + 1
    for step in found.values():
        losses = step()
        assert losses is None or all(loss > 0 for loss in losses)


def test_every_front_end_hears_the_same_waveforms():
    frontend = read_settings("nasc").frontend
    numpy, own, torchaudio = (peer() for peer in gpu.front_end_peers(frontend, "cpu", 2).values())
    assert numpy.shape == (2, *frontend.size)
    np.testing.assert_allclose(own.numpy(), numpy, atol=1e-3)
    assert torchaudio.shape == own.shape
