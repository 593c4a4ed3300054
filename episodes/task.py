"""The shape of a task, a batch of tasks as index tables, and the stored tables that evaluators share."""

from __future__ import annotations

from dataclasses import dataclass, replace
from functools import cached_property
from hashlib import sha256

import torch
from torch import Tensor

from episodes.errors import EpisodeError


@dataclass(frozen=True)
class TaskShape:
    """`way` classes with `shot` support and `query` query examples each; `tasks` such tasks in a batch.

    Raises EpisodeError for anything but integers with way, shot, tasks >= 1 and query >= 0.

    >>> TaskShape(way=5, shot=1, query=15).views
    16
    """

    way: int
    shot: int
    query: int
    tasks: int = 1

    def __post_init__(self) -> None:
        for field, least in (("way", 1), ("shot", 1), ("query", 0), ("tasks", 1)):
            value = getattr(self, field)
            if not isinstance(value, int) or isinstance(value, bool) or value < least:
                raise EpisodeError(f"{field} must be an integer of at least {least}, not {value!r}")

    @property
    def views(self) -> int:
        """V = K + Q: examples per way."""
        return self.shot + self.query


@dataclass(frozen=True, eq=False)
class Episode:
    """A batch of tasks as index tables: T tasks, N ways, V = K + Q examples per way, the first K are support.

    images (T, N, V): which image. views (T, N, V): which rendering of that image, 0, 1, 2, ...
    labels (T, N): image index (instance ways) or class of each way. All int64.
    pixels: uint8 of these images, if a `Prefetcher` has read them: (T, N, V, C, H, W), or with one image for all views
    of a way (T, N, 1, C, H, W).

    >>> index = torch.tensor([[[4, 4, 4], [7, 7, 7]]])  # one task of two images, three views each
    >>> Episode(index, torch.arange(3).expand(1, 2, 3), index[..., 0], shot=1).query.shape
    torch.Size([1, 2, 2])
    """

    images: Tensor
    views: Tensor
    labels: Tensor
    shot: int
    step: int = 0
    pixels: Tensor | None = None

    def __post_init__(self) -> None:
        if self.images.ndim != 3 or self.views.shape != self.images.shape:
            raise EpisodeError(
                f"images and views must both be (T, N, V), not {tuple(self.images.shape)} and {tuple(self.views.shape)}"
            )
        if self.labels.shape != self.images.shape[:2]:
            raise EpisodeError(
                f"labels must be (T, N) = {tuple(self.images.shape[:2])}, not {tuple(self.labels.shape)}"
            )
        if not 1 <= self.shot <= self.images.shape[2]:
            raise EpisodeError(f"shot must be in 1..{self.images.shape[2]} (V), not {self.shot}")
        if self.pixels is not None and self.pixels.shape[:3] not in (self.images.shape, (*self.labels.shape, 1)):
            raise EpisodeError(f"pixels {tuple(self.pixels.shape)} do not fit images {tuple(self.images.shape)}")

    @property
    def tasks(self) -> int:
        """T."""
        return self.images.shape[0]

    @property
    def way(self) -> int:
        """N."""
        return self.images.shape[1]

    @property
    def support(self) -> Tensor:
        """Image indices of the support (T, N, K)."""
        return self.images[..., : self.shot]

    @property
    def query(self) -> Tensor:
        """Image indices of the queries (T, N, Q)."""
        return self.images[..., self.shot :]

    def to(self, device: torch.device | str) -> Episode:
        """The same episode on `device`, copied without waiting."""
        return replace(
            self,
            images=self.images.to(device, non_blocking=True),
            views=self.views.to(device, non_blocking=True),
            labels=self.labels.to(device, non_blocking=True),
            pixels=None if self.pixels is None else self.pixels.to(device, non_blocking=True),
        )


@dataclass(frozen=True, eq=False)
class EpisodeTable:
    """Evaluation episodes, drawn once and used for every encoder: int64 image indices.

    support (E, N, K), query (E, N, Q). `fingerprint` is that of the image set that they index, `seed` that of the draw.

    >>> table = EpisodeTable(torch.zeros(9, 5, 1).long(), torch.ones(9, 5, 3).long(), fingerprint="", seed=0)
    >>> len(table), table.shape.query
    (9, 3)
    """

    support: Tensor
    query: Tensor
    fingerprint: str
    seed: int

    def __post_init__(self) -> None:
        support, query = self.support, self.query
        if support.ndim != 3 or query.ndim != 3 or support.shape[:2] != query.shape[:2]:
            shapes = f"{tuple(support.shape)} and {tuple(query.shape)}"
            raise EpisodeError(f"support must be (E, N, K) and query (E, N, Q), not {shapes}")
        if support.dtype != torch.int64 or query.dtype != torch.int64:
            raise EpisodeError(f"support and query must be int64, not {support.dtype} and {query.dtype}")

    def __len__(self) -> int:
        """E, the number of episodes."""
        return self.support.shape[0]

    @property
    def shape(self) -> TaskShape:
        """Way, shot and query of each episode."""
        return TaskShape(self.support.shape[1], self.support.shape[2], self.query.shape[2])

    @cached_property
    def digest(self) -> str:
        """SHA-256 (hex) of episodes, shape, seed and the fingerprint of the image set."""
        header = f"{tuple(self.support.shape)} {tuple(self.query.shape)} {self.seed} {self.fingerprint}"
        content = sha256(header.encode())
        for part in (self.support, self.query):
            content.update(part.cpu().contiguous().numpy().astype("<i8", copy=False).tobytes())
        return content.hexdigest()
