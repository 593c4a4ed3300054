"""The trained module: encoder, projector and objective, with a momentum encoder where the method has one."""

from __future__ import annotations

import math
from typing import TYPE_CHECKING, Protocol, runtime_checkable

import torch
import torch.nn.functional as F
from torch import Tensor, nn

from metaclr.bridge import Context
from metaclr.bridge.logits.upcast import upcast
from metaclr.engine.distributed import gather
from metaclr.engine.momentum_encoder import MomentumEncoder, momentum_at

if TYPE_CHECKING:
    from episodes.task import Episode


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
    ) -> None:
        """`encoder` (B, C, H, W) to (B, F), `projector` (B, F) to (B, D), `objective` (T, N, V, D) to a scalar.

        momentum: decay of the momentum encoder that embeds the same views without gradient; None for none.
        momentum_schedule: "constant" (MoCo), or "cosine", raised to 1 (BYOL). dataset_size: images in the training set.
        decoder: features (B, F) to pixels (B, C, H, W). reconstruction: weight of its mean squared error on the views.
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
        self.shared_axis: int | None = None

    def forward(self, pixels: Tensor, episode: Episode) -> tuple[Tensor, dict[str, Tensor]]:
        """Pixels (T, N, V, C, H, W) to the loss and 0-d metrics, all on the device; nothing waits for them.

        All views go through the networks as one batch, so batch norm sees them together.
        """
        rows = pixels.flatten(0, 2).contiguous(memory_format=torch.channels_last)
        axes = pixels.shape[:3]
        features = self.encoder(rows)
        embeddings = self._all(upcast(self.projector(features)).reshape(*axes, -1))
        momentum_embeddings = (
            None if self.momentum_encoder is None else self._all(upcast(self.momentum_encoder(rows)).reshape(*axes, -1))
        )
        context = Context(
            labels=self._all(episode.labels),
            images=self._all(episode.images[..., 0].contiguous()),
            shot=episode.shot,
            momentum_embeddings=momentum_embeddings,
            dataset_size=self.dataset_size,
        )
        with torch.autocast(pixels.device.type, enabled=False):
            loss = self.objective(embeddings, context)
        if self.decoder is not None:
            loss = loss + self.reconstruction * F.mse_loss(upcast(self.decoder(features)), rows)
        return loss, self._metrics(embeddings.detach())

    def after_step(self, step: int, steps: int) -> None:
        """Update the momentum encoder after step `step` of `steps`."""
        if self.momentum_encoder is not None and self.momentum is not None:
            momentum = momentum_at(self.momentum, step, steps, self.momentum_schedule)
            self.momentum_encoder.follow((self.encoder, self.projector), momentum)
            for module in self.objective.modules():
                if isinstance(module, Follows):
                    module.follow(momentum)

    def _all(self, local: Tensor) -> Tensor:
        return local if self.shared_axis is None else gather(local, self.shared_axis)

    def _metrics(self, embeddings: Tensor) -> dict[str, Tensor]:
        metrics = {"embedding_std": embedding_std(embeddings.flatten(0, 2))}
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
