"""The clusters of a training, as part of its state."""

from __future__ import annotations

import torch
from torch import Tensor, nn


class ClusterLabels(nn.Module):
    """Labels int32 (P, M) of the last clustering, and the step that it preceded; -1 before the first.

    Buffers of the learner, so that a checkpoint holds them.
    """

    labels: Tensor
    step: Tensor

    def __init__(self, partitions: int, images: int) -> None:
        super().__init__()
        self.register_buffer("labels", torch.full((partitions, images), -1, dtype=torch.int32))
        self.register_buffer("step", torch.full((), -1, dtype=torch.int64))

    @torch.no_grad()
    def set(self, labels: Tensor, step: int) -> None:
        """Replace the labels by int64 (P, M), those before `step`."""
        self.labels.copy_(labels)
        self.step.fill_(step)
