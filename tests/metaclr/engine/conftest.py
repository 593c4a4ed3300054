"""A learner small enough to train in a blink, yet with everything that a checkpoint must hold."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import pytest
import torch
from torch import Tensor, nn

from episodes import Episode, EpisodeSampler, ImageSet, TaskShape
from metaclr.bridge import Context
from metaclr.engine import Learner


class Contrast(nn.Module):
    """Cross entropy between two views, with a learnable temperature and a running mean in a buffer."""

    def __init__(self) -> None:
        super().__init__()
        self.scale = nn.Parameter(torch.tensor(2.0))
        self.register_buffer("mean", torch.zeros(()))
        self.accuracy: Tensor | None = None

    def forward(self, embeddings: Tensor, context: Context | None = None) -> Tensor:
        first, second = embeddings[:, :, 0], embeddings[:, :, 1]
        if context is not None and context.target is not None:
            second = context.target[:, :, 1]
        logits = first @ second.transpose(1, 2) * self.scale
        own = torch.arange(logits.shape[1], device=logits.device).expand(logits.shape[:2])
        self.accuracy = (logits.argmax(-1) == own).float().mean()
        loss = nn.functional.cross_entropy(logits.flatten(0, 1), own.flatten())
        self.mean = self.mean.lerp(loss.detach(), 0.1)
        return loss


def small_learner(**options: Any) -> Learner:
    with torch.random.fork_rng(devices=[]):
        torch.manual_seed(0)
        encoder = nn.Sequential(
            nn.Conv2d(1, 8, 3, padding=1, bias=False),
            nn.BatchNorm2d(8),
            nn.ReLU(),
            nn.AdaptiveAvgPool2d(2),
            nn.Flatten(),
            nn.Dropout(options.pop("dropout", 0.1)),
        )
        return Learner(encoder, nn.Linear(32, 8), Contrast(), **options)


def small_set() -> ImageSet:
    generator = torch.Generator().manual_seed(1)
    return ImageSet(torch.randint(0, 256, (64, 1, 8, 8), dtype=torch.uint8, generator=generator))


@pytest.fixture
def learner() -> Callable[..., Learner]:
    return small_learner


@pytest.fixture
def sampler() -> EpisodeSampler:
    return EpisodeSampler(small_set(), TaskShape(way=8, shot=1, query=1, tasks=2), seed=3)


@pytest.fixture
def pixels(sampler: EpisodeSampler) -> Callable[[Episode], Tensor]:
    def render(episode: Episode) -> Tensor:
        noise = (episode.views * 37 % 11).float() / 50
        return sampler.image_set.images[episode.images].float() / 255 + noise[..., None, None, None]

    return render
