"""Axis 4, tasks: one embedded batch as one task, as a partition into several, or resampled into many."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass, replace

import torch
from torch import Tensor, nn

from metaclr.bridge.context import Context
from metaclr.bridge.spec import Sizes
from metaclr.errors import UserError


@dataclass(frozen=True)
class Tasks:
    """Every task of the batch in `parts` tasks of way N / parts."""

    parts: int = 1

    def __post_init__(self) -> None:
        if self.parts < 1:
            raise UserError(f"tasks.parts = {self.parts} must be at least 1")

    def __str__(self) -> str:
        return "one_task" if self.parts == 1 else f"Tasks({self.parts})"

    def __call__(self, embeddings: Tensor, context: Context) -> tuple[Tensor, Context]:
        if self.parts == 1:
            return embeddings, context
        ways = embeddings.shape[1]
        if ways % self.parts:
            raise UserError(f"tasks.parts = {self.parts} does not divide the {ways} ways of a task")

        def parted(ways: Tensor) -> Tensor:
            return ways.reshape(-1, ways.shape[1] // self.parts, *ways.shape[2:])

        return parted(embeddings), with_ways(context, parted)


@dataclass(frozen=True)
class Resample:
    """Many small tasks from one embedded batch, the views of a way in new roles each time (SES).

    Ye, Han and Zhan 2020, arXiv:2011.14663 (revisiting-UML): 256 tasks of 5 ways from a batch of 32 to 64 images.
    """

    tasks: int = 256
    """Small tasks that are drawn from a batch."""
    way: int = 5
    """Ways of each of them."""

    def __post_init__(self) -> None:
        if self.tasks < 1 or self.way < 1:
            raise UserError(f"tasks = {self.tasks} and way = {self.way} must be at least 1")

    def module(self, sizes: Sizes) -> nn.Module:
        """The resampling with its counter."""
        return Resampled(self, sizes.seed)


class Resampled(nn.Module):
    """Draws tasks as a function of (seed, calls so far); the count is part of the checkpoint."""

    calls: Tensor

    def __init__(self, settings: Resample, seed: int) -> None:
        super().__init__()
        self.settings, self.seed = settings, seed
        self.register_buffer("calls", torch.zeros((), dtype=torch.int64))

    def forward(self, embeddings: Tensor, context: Context) -> tuple[Tensor, Context]:
        tasks, ways, views = embeddings.shape[:3]
        count, way = self.settings.tasks, min(self.settings.way, ways)  # a small source has fewer ways
        if way < 2:
            raise UserError(f"tasks of way = {self.settings.way} cannot be drawn from a batch of {ways} ways")
        task = torch.arange(count, device=embeddings.device).unsqueeze(-1) % tasks
        chosen = self._shuffles("ways", (count, ways), embeddings.device)[:, :way]
        order = self._shuffles("roles", (count, way, views), embeddings.device)
        if self.training:
            self.calls += 1

        def drawn(table: Tensor) -> Tensor:
            picked = table[task, chosen]
            if table.ndim == 2:
                return picked
            places = order if table.ndim == 3 else order.unsqueeze(-1).expand(*order.shape, table.shape[-1])
            return picked.gather(2, places)

        return drawn(embeddings), with_ways(context, drawn)

    def _shuffles(self, stream: str, shape: tuple[int, ...], device: torch.device) -> Tensor:
        """Independent random orders along the last axis, int64 of `shape`."""
        from episodes.random import key, random_words

        size = torch.Size(shape).numel()
        items = self.calls.to(device) * size + torch.arange(size, device=device)
        return random_words(key(self.seed, f"resample {stream}"), items).reshape(shape).argsort(-1)


def with_ways(context: Context, change: Callable[[Tensor], Tensor]) -> Context:
    """The context with the same `change` of ways made to its labels, image ids and target embeddings."""

    def changed(table: Tensor | None) -> Tensor | None:
        return None if table is None else change(table)

    return replace(
        context,
        labels=changed(context.labels),
        images=changed(context.images),
        momentum_embeddings=changed(context.momentum_embeddings),
    )


one_task = Tasks()
