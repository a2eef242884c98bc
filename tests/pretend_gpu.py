"""A CUDA GPU that is not there: PyTorch's fake tensors, which know device and shape, no values.

Where tensors of two devices meet they raise, as on a GPU. What asks for values gets zeros, and only
on the CPU. Gradients are zeros, too: the real way back needs a driver.
"""

from contextlib import contextmanager

import numpy as np
import pytest
import torch
from torch._subclasses.fake_tensor import FakeTensor, FakeTensorMode, unset_fake_temporarily

from asc_nas.data import loading
from asc_nas.nn.supernet import Supernet
from asc_nas.training import checkpoint, trainer

FREE = 2**30


@contextmanager
def pretend_gpu(free=FREE):
    """Let ``cuda`` compute without values; modules must be made before, on the CPU."""
    leaves = []
    adamw = torch.optim.AdamW

    def numpy(values):
        assert values.device.type == "cpu"
        return np.zeros(values.shape, dtype=np.float32 if values.is_floating_point() else np.int64)

    def backward(loss):
        assert loss.device.type == "cuda"
        assert loss.requires_grad
        for leaf in leaves:
            leaf.grad = torch.zeros_like(leaf)

    def optimizer(groups, **options):
        leaves.extend(leaf for group in groups for leaf in group["params"])
        return adamw(groups, **options)

    def for_real(function):
        def call(*arguments):
            with unset_fake_temporarily():
                return function(*arguments)

        return call

    with pytest.MonkeyPatch.context() as patch, FakeTensorMode(allow_non_fake_inputs=True):
        patch.setattr(torch.Tensor, "pin_memory", lambda values: values)
        patch.setattr(FakeTensor, "numpy", numpy, raising=False)
        patch.setattr(FakeTensor, "__int__", lambda value: 1, raising=False)
        patch.setattr(FakeTensor, "__float__", lambda value: 1.0, raising=False)
        patch.setattr(FakeTensor, "tolist", lambda values: [0.0] * len(values))
        patch.setattr(torch.Tensor, "backward", backward)
        patch.setattr(torch.optim, "AdamW", optimizer)
        patch.setattr(Supernet, "extract", for_real(Supernet.extract))
        patch.setattr(checkpoint, "read", for_real(checkpoint.read))
        patch.setattr(loading, "free_memory", lambda device: free)
        patch.setattr(trainer, "_is_finite", lambda module: True)
        patch.setattr(checkpoint, "save", lambda *arguments: None)
        yield
