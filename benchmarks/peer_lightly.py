"""SimCLR training as lightly's documentation writes it, around an encoder and a head that are given; no timing here."""

from __future__ import annotations

from collections.abc import Iterator
from copy import deepcopy
from typing import Any

import numpy as np
import torch
from PIL import Image
from torch import Tensor, nn
from torch.utils.data import DataLoader, Dataset

from metaclr.networks.conv4 import Conv4


class Pictures(Dataset[tuple[Any, int]]):
    """uint8 images (M, C, H, W) in memory, handed out as PIL images through a transform, like torchvision's CIFAR10."""

    def __init__(self, images: Tensor, transform: Any) -> None:
        self.images = np.ascontiguousarray(images.permute(0, 2, 3, 1).numpy())
        self.transform = transform

    def __len__(self) -> int:
        return len(self.images)

    def __getitem__(self, index: int) -> tuple[Any, int]:
        return self.transform(Image.fromarray(self.images[index])), 0


def simclr_views(size: int) -> Any:
    """lightly's SimCLRTransform with the ranges of our preset `simclr`: CIFAR's strength, no blur, no normalization."""
    from lightly.transforms import SimCLRTransform

    return SimCLRTransform(input_size=size, cj_strength=0.5, gaussian_blur=0.0, normalize=None)


def textbook_conv4(encoder: Conv4) -> nn.Module:
    """The same Conv-4 with the same weights as everyone writes it: Conv2d, BatchNorm2d, ReLU, MaxPool2d, four times.

    metaclr's own computes the same function in a cheaper order (metaclr/networks/block.py), which whoever hands its
    encoder to lightly gets as well.
    """
    layers: list[nn.Module] = []
    for block in deepcopy(encoder).blocks:
        layers += [block.conv, block.norm, nn.ReLU(inplace=True), nn.MaxPool2d(2)]
    return nn.Sequential(*layers, nn.Flatten()).to(memory_format=torch.contiguous_format)


class Training:
    """Two views, two forwards, NTXentLoss, one optimizer step, as in lightly's SimCLR example."""

    def __init__(
        self,
        encoder: nn.Module,
        head: nn.Module,
        images: Tensor,
        *,
        batch: int,
        workers: int,
        temperature: float,
        lr: float,
        device: torch.device,
        autocast: torch.autocast,
    ) -> None:
        from lightly.loss import NTXentLoss

        self.model = nn.Sequential(encoder, head).to(device).train()
        self.criterion = NTXentLoss(temperature=temperature)
        self.optimizer = torch.optim.Adam(self.model.parameters(), lr=lr)
        self.device, self.autocast, self.batch, self.workers = device, autocast, batch, workers
        self.data = Pictures(images, simclr_views(images.shape[-1]))

    def batches(self) -> Iterator[Any]:
        """Batches without end, shuffled anew each epoch, from a loader that starts now."""
        while True:
            yield from DataLoader(
                self.data,
                batch_size=self.batch,
                shuffle=True,
                drop_last=True,
                num_workers=self.workers,
                pin_memory=self.device.type == "cuda",
            )

    def steps(self, batches: Iterator[Any], count: int) -> list[float]:
        """Train `count` steps; the loss of each."""
        losses = []
        for _ in range(count):
            (x0, x1), _ = next(batches)
            x0, x1 = x0.to(self.device, non_blocking=True), x1.to(self.device, non_blocking=True)
            with self.autocast:
                z0, z1 = self.model(x0), self.model(x1)
            loss = self.criterion(z0.float(), z1.float())
            loss.backward()
            self.optimizer.step()
            self.optimizer.zero_grad()
            losses.append(loss.detach())
        return [float(loss) for loss in losses]
