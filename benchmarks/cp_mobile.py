"""CP-Mobile, the baseline of DCASE 2024 Task 1, as a plain PyTorch network.

After Schmid et al., "Distilling the Knowledge of Transformers and CNNs with CP-Mobile", DCASE 2023,
with the sizes of the 2024 baseline: 32 channels, growing by 1.8 from stage to stage, expansion 2.1,
ten classes. At its own input of 1 x 256 x 65 it has 61,148 parameters, which `cp_mobile` checks.
"""

import torch
from torch import nn

MELS = 256
PARAMETERS = 61_148
BLOCKS, STRIDES = (3, 2, 1), {3: (1, 2), 4: (2, 1)}
"""Blocks of each stage; strides, along mels and time, of the blocks that have any."""


def multiple_of_8(channels: float) -> int:
    return max(8, int(channels + 4) // 8 * 8)


def conv_norm(inputs, outputs, kernel=1, stride=1, groups=1):
    conv = nn.Conv2d(inputs, outputs, kernel, stride, kernel // 2, groups=groups, bias=False)
    return [conv, nn.BatchNorm2d(outputs)]


class Block(nn.Module):
    """An inverted residual; where it strides, its shortcut is averaged."""

    def __init__(self, inputs: int, outputs: int, stride: tuple[int, int], expansion: float):
        super().__init__()
        hidden = multiple_of_8(inputs * expansion)
        self.layers = nn.Sequential(
            *conv_norm(inputs, hidden),
            nn.ReLU(),
            *conv_norm(hidden, hidden, 3, stride, groups=hidden),
            nn.ReLU(),
            *conv_norm(hidden, outputs),
        )
        same = nn.Identity() if stride == (1, 1) else nn.AvgPool2d(3, stride, padding=1)
        self.shortcut = same if inputs == outputs else None

    def forward(self, x: torch.Tensor) -> torch.Tensor:
        out = self.layers(x)
        return torch.relu(out if self.shortcut is None else out + self.shortcut(x))


class CpMobile(nn.Module):
    """From (n, 1, mels, frames) log-mel to (n, classes) logits."""

    def __init__(self, classes=10, base=32, growth=1.8, expansion=2.1):
        super().__init__()
        layers = [*conv_norm(1, base // 4, 3, 2), nn.ReLU()]
        layers += [*conv_norm(base // 4, base, 3, 2), nn.ReLU()]
        channels, number = base, 0
        for stage, blocks in enumerate(BLOCKS):
            width = multiple_of_8(base * growth**stage)
            for _ in range(blocks):
                number += 1
                layers.append(Block(channels, width, STRIDES.get(number, (1, 1)), expansion))
                channels = width
        layers += conv_norm(channels, classes)
        self.layers = nn.Sequential(*layers)

    def forward(self, x: torch.Tensor) -> torch.Tensor:
        return self.layers(x).mean(dim=(2, 3))


def cp_mobile() -> CpMobile:
    network = CpMobile().eval()
    parameters = sum(weight.numel() for weight in network.parameters())
    if parameters != PARAMETERS:
        raise SystemExit(f"CP-Mobile has {parameters} parameters; {PARAMETERS} were published.")
    return network
