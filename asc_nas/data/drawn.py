"""What was drawn with NumPy, as a tensor where the batch is.

Random numbers are drawn on the CPU, so that every device hears the same.
"""

from typing import Any

import torch
from numpy.typing import NDArray
from torch import Tensor


def beside(x: Tensor, values: NDArray[Any]) -> Tensor:
    """Return `values` on the device of `x`; real numbers as float32."""
    tensor = torch.from_numpy(values)
    return (tensor.float() if tensor.is_floating_point() else tensor).to(x.device)
