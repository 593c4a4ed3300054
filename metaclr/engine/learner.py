"""The trained module: encoder, projector and objective, with a momentum encoder where the method has one."""

from __future__ import annotations

import math
from dataclasses import dataclass, replace
from typing import TYPE_CHECKING, Protocol, runtime_checkable

import torch
import torch.nn.functional as F
from torch import Tensor, nn

from metaclr.bridge import Context
from metaclr.bridge.logits.upcast import upcast
from metaclr.diagnose.online import batch_geometry
from metaclr.engine.distributed import gather
from metaclr.engine.extra_views import Drawn, ExtraViews
from metaclr.engine.momentum_encoder import MomentumEncoder, momentum_at
from metaclr.errors import UserError

if TYPE_CHECKING:
    from episodes.task import Episode


@dataclass(frozen=True)
class Batch:
    """What a step embeds: the views of its tasks, then extra ones."""

    rows: Tensor
    """`(B, C, H, W)`, of texts `(B, L)`: the T N V views of the tasks, then mixed queries, then turned copies."""
    axes: torch.Size
    """(T, N, V)"""
    drawn: Drawn | None = None

    @property
    def momentum_rows(self) -> Tensor:
        """Rows that the momentum encoder embeds: all but turned copies."""
        turned = None if self.drawn is None else self.drawn.turned
        return self.rows if turned is None else self.rows[: len(self.rows) - len(turned)]


@runtime_checkable
class Follows(Protocol):
    """A part of an objective that is a moving average of trained weights, like the momentum encoder (DINO)."""

    def follow(self, momentum: float) -> None:
        """w <- momentum w + (1 - momentum) online."""


class Learner(nn.Module):
    """Pixels of a batch of tasks to a loss. `train` runs it under autocast; the objective sees float32 (or 64) alone.

    A method may bring a learner of its own: any module whose forward has this signature. `networks` names the
    children that may be compiled and whose batch norms are shared by ranks; `shared_axis`, if there, is set when
    there are several ranks; `after_step(step, steps)`, if there, is called after each update.
    """

    networks: tuple[str, ...] = ("encoder", "projector", "momentum_encoder", "decoder")

    def __init__(
        self,
        encoder: nn.Module,
        projector: nn.Module,
        objective: nn.Module,
        *,
        momentum: float | None = None,
        momentum_schedule: str = "constant",
        dataset_size: int = 0,
        decoder: nn.Module | None = None,
        reconstruction: float = 0.0,
        extra_views: ExtraViews | None = None,
        types: Tensor | None = None,
        learned_views: nn.Module | None = None,
    ) -> None:
        """`encoder` (B, C, H, W) to (B, F), `projector` (B, F) to (B, D), `objective` (T, N, V, D) to a scalar.

        momentum: decay of the momentum encoder that embeds the same views without gradient; None for none.
        momentum_schedule: "constant" (MoCo), or "cosine", raised to 1 (BYOL). dataset_size: images in the training set.
        decoder: features (B, F) to pixels (B, C, H, W). reconstruction: weight of its mean squared error on the views.
        extra_views: views beside those of the tasks, with losses of their own. types: int64 (classes,), the type of
        each class. learned_views: pixels and episode to pixels, trained with everything else.
        """
        super().__init__()
        self.encoder = encoder
        self.projector = projector
        self.objective = objective
        self.momentum_encoder = None if momentum is None else MomentumEncoder(encoder, projector)
        self.momentum = momentum
        self.momentum_schedule = momentum_schedule
        self.dataset_size = dataset_size
        self.decoder = decoder
        self.reconstruction = reconstruction
        self.extra_views = extra_views
        self.learned_views = learned_views
        self.shared_axis: int | None = None
        self.types: Tensor | None
        self.register_buffer("types", types, persistent=False)

    def forward(self, pixels: Tensor, episode: Episode) -> tuple[Tensor, dict[str, Tensor]]:
        """Pixels (T, N, V, C, H, W), of texts tokens (T, N, V, L), to the loss and 0-d metrics; nothing waits for them.

        All views go through the networks as one batch, so batch norm sees them together.
        """
        if self.learned_views is not None:
            pixels = self.learned_views(pixels, episode)
        batch = self.batch(pixels, episode)
        features = self.encoder(batch.rows)
        keys = None if self.momentum_encoder is None else self.momentum_encoder(batch.momentum_rows)
        loss, metrics = self.loss(self.projector(features), keys, batch, episode)
        if self.decoder is not None:
            count = pixels.shape[:3].numel()
            made = upcast(self.decoder(features[:count]))
            loss = loss + self.reconstruction * F.mse_loss(made, batch.rows[:count])
        return loss, metrics

    def batch(self, pixels: Tensor, episode: Episode) -> Batch:
        """The rows that a step embeds.

        Raises:
            UserError: extra views with several ranks.
        """
        drawn = None
        if self.extra_views is not None:
            if self.shared_axis is not None:
                raise UserError("rotation_loss and query_mix draw on the whole batch: train in one process")
            drawn = self.extra_views.draw(pixels, episode)
        rows = pixels.flatten(0, 2)
        if drawn is not None:
            rows = torch.cat([rows, *drawn.rows])
        if rows.ndim == 4:  # images; tokens have no channels
            rows = rows.contiguous(memory_format=torch.channels_last)
        return Batch(rows, pixels.shape[:3], drawn)

    def loss(
        self, embeddings: Tensor, keys: Tensor | None, batch: Batch, episode: Episode
    ) -> tuple[Tensor, dict[str, Tensor]]:
        """The loss and metrics of embedded rows (B, D), and of those of the momentum encoder."""
        count, axes = batch.axes.numel(), batch.axes
        embeddings = upcast(embeddings)
        own, extra = self._all(embeddings[:count].reshape(*axes, -1)), embeddings[count:]
        context = Context(
            labels=self._all(episode.labels),
            types=None if self.types is None else self._all(self.types[episode.labels]),
            images=self._all(episode.images[..., 0].contiguous()),
            shot=episode.shot,
            momentum_embeddings=None if keys is None else self._all(upcast(keys[:count]).reshape(*axes, -1)),
            dataset_size=self.dataset_size,
        )
        with torch.autocast(own.device.type, enabled=False):
            loss = self.objective(own, context)
            if self.extra_views is not None and batch.drawn is not None:
                if keys is not None and batch.drawn.mixed is not None:
                    of_mixed = upcast(keys[count:]).reshape(*batch.drawn.mixed.shape[:3], -1)
                    together = torch.cat([upcast(keys[:count]).reshape(*axes, -1), of_mixed], 2)
                    context = replace(context, momentum_embeddings=together)
                loss = loss + self.extra_views.loss(self.objective, own, extra, batch.drawn, context)
        return loss, self._metrics(own.detach())

    def after_step(self, step: int, steps: int) -> None:
        """Update the momentum encoder, and the weight of extra views, after step `step` of `steps`."""
        if self.extra_views is not None:
            self.extra_views.after_step(step, steps)
        if self.momentum_encoder is not None and self.momentum is not None:
            momentum = momentum_at(self.momentum, step, steps, self.momentum_schedule)
            self.momentum_encoder.follow((self.encoder, self.projector), momentum)
            for module in self.objective.modules():
                if isinstance(module, Follows):
                    module.follow(momentum)

    def _all(self, local: Tensor) -> Tensor:
        return local if self.shared_axis is None else gather(local, self.shared_axis)

    def _metrics(self, embeddings: Tensor) -> dict[str, Tensor]:
        metrics = {"embedding_std": embedding_std(embeddings.flatten(0, 2)), **batch_geometry(embeddings)}
        accuracy = getattr(self.objective, "accuracy", None)
        if isinstance(accuracy, Tensor):
            metrics["accuracy"] = accuracy.detach()
        return metrics


def embedding_std(rows: Tensor) -> Tensor:
    """Spread of rows (B, D) on the unit sphere: mean over dimensions of the standard deviation, times sqrt(D).

    0: all rows are the same direction, collapse; near 1: directions fill the sphere (Chen and He 2021,
    arXiv:2011.10566, section 4.1, where it is compared with 1 / sqrt(D)).
    """
    spread: Tensor = F.normalize(rows, dim=-1).std(0, correction=0).mean()
    return spread * math.sqrt(rows.shape[-1])
