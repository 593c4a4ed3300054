"""A learner small enough to train in a blink, yet with everything that a checkpoint must hold."""

from __future__ import annotations

import os
import subprocess
import sys
from collections.abc import Callable, Iterator
from pathlib import Path
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
        if context is not None and context.momentum_embeddings is not None:
            second = context.momentum_embeddings[:, :, 1]
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


class Server:
    """The other end of fork_server.py."""

    def __init__(self) -> None:
        here = Path(__file__).parent
        root = here.parents[2]
        self.process = subprocess.Popen(
            [sys.executable, str(here / "fork_server.py")],
            stdin=subprocess.PIPE,
            stdout=subprocess.PIPE,
            text=True,
            cwd=root,
            env={**os.environ, "PYTHONPATH": str(root), "OMP_NUM_THREADS": "1"},
        )
        self._next = ""
        assert self._line() == "ready"

    def _line(self) -> str:
        assert self.process.stdout
        return self.process.stdout.readline().strip()

    def _ask(self, line: str) -> None:
        assert self.process.stdin
        self.process.stdin.write(line + "\n")
        self.process.stdin.flush()

    def train(self, folder: Path, dies_in_write: int = 0) -> int:
        """Start a training in `folder`; its process id."""
        self._ask(f"train {folder} {dies_in_write}")
        word, pid = self._line().split()
        assert word == "began"
        return int(pid)

    def ranks(self, folder: Path, port: int) -> None:
        """Start one process alone and two ranks together."""
        self._ask(f"ranks {folder} {port}")

    def first_batch(self) -> bool:
        """Wait for it; False: there was none left to train."""
        self._next = self._line()
        return self._next == "training"

    def end(self) -> list[int]:
        """Wait for the end; exit codes, negative for a signal."""
        line, self._next = self._next, ""
        while not line.startswith("ended"):
            line = self._line()
        return [int(code) for code in line.split()[1:]]


@pytest.fixture(scope="session")
def server() -> Iterator[Server]:
    one = Server()
    yield one
    assert one.process.stdin
    one.process.stdin.close()
    one.process.wait(30)
