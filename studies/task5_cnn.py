"""The baseline of DCASE 2018 Task 5 (domestic activities), as a plain PyTorch network.

After Dekkers et al., "DCASE 2018 Challenge - Task 5: Monitoring of domestic activities based on
multi-channel acoustics", arXiv 1807.11246; layers and sizes as in `task5/task5.yaml` of
github.com/DCASE-REPO/dcase2018_baseline. Its own input is 40 mels x 501 frames, its classes nine;
for another input, the first kernel spans all of its mels.

One difference: batch norms have PyTorch's epsilon and momentum, not those of Keras.
"""

import torch
from torch import nn

MELS, FRAMES, CLASSES = 40, 501, 9
DROPOUT = 0.2


class Task5Cnn(nn.Module):
    """From (n, 1, mels, frames) log-mel to (n, classes) logits."""

    def __init__(self, mels: int = MELS, classes: int = CLASSES):
        super().__init__()
        self.convolutions = nn.Sequential(
            nn.Conv2d(1, 32, (mels, 5)),
            nn.BatchNorm2d(32),
            nn.ReLU(),
            nn.MaxPool2d((1, 5)),
            nn.Dropout(DROPOUT),
            nn.Conv2d(32, 64, (1, 3)),
            nn.BatchNorm2d(64),
            nn.ReLU(),
        )
        self.dense = nn.Sequential(
            nn.Dropout(DROPOUT),
            nn.Linear(64, 64),
            nn.ReLU(),
            nn.Dropout(DROPOUT),
            nn.Linear(64, classes),
        )

    def init_dense(self, generator: torch.Generator) -> None:
        """Draw the weights of the dense layers as the baseline does, uniformly within 0.05."""
        for layer in self.dense:
            if isinstance(layer, nn.Linear):
                nn.init.uniform_(layer.weight, -0.05, 0.05, generator=generator)
                nn.init.zeros_(layer.bias)

    def forward(self, x: torch.Tensor) -> torch.Tensor:
        return self.dense(self.convolutions(x).amax(dim=(2, 3)))
