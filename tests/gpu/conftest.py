"""What runs on a GPU alone; elsewhere it is skipped, with the reason."""

import pytest
import torch

WHY_NOT = "PyTorch finds no CUDA GPU here"


def pytest_report_header():
    if not torch.cuda.is_available():
        return f"GPU: none ({WHY_NOT}); PyTorch {torch.__version__}"
    card = torch.cuda.get_device_properties(0)
    return (
        f"GPU: {card.name}, {card.total_memory / 2**30:.0f} GiB, compute capability "
        f"{card.major}.{card.minor}; PyTorch {torch.__version__}, CUDA {torch.version.cuda}"
    )


@pytest.fixture(autouse=True)
def _on_a_gpu(monkeypatch):
    if not torch.cuda.is_available():
        pytest.skip(WHY_NOT)
    # Both sides in float32: PyTorch's convolutions would round to TF32.
    monkeypatch.setattr(torch.backends.cudnn, "allow_tf32", False)
