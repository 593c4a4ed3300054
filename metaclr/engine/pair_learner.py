"""A learner of pairs: the support of a way is embedded by a text encoder, its queries by the image encoder (CLIP)."""

from __future__ import annotations

from dataclasses import replace
from typing import TYPE_CHECKING, Any

import torch
from torch import Tensor, nn

from episodes import random
from metaclr.bridge.logits.upcast import upcast
from metaclr.engine.learner import Learner
from metaclr.engine.momentum_encoder import MomentumEncoder, momentum_at
from metaclr.text.token_views import TokenViews

if TYPE_CHECKING:
    from episodes.task import Episode


class PairLearner(Learner):
    """As `Learner`; the first `shot` views of a way stand for the text of their image.

    Any objective compares the two: symmetric InfoNCE is CLIP's loss, prototypes are of texts.
    """

    networks = (*Learner.networks, "text", "momentum_text")
    tokens: Tensor
    counts: Tensor
    starts: Tensor

    def __init__(
        self,
        *args: Any,
        text: nn.Module,
        tokens: Tensor,
        counts: Tensor,
        views: TokenViews,
        seed: int,
        **more: Any,
    ) -> None:
        """`text` embeds tokens (B, L) as (B, D).

        tokens int64 (U, L): of all captions, those of each image in turn. counts int64 (M,): captions of each image, of
        which a random one stands for it. `views` are drawn of its tokens.
        """
        super().__init__(*args, **more)
        self.text, self.views, self.seed = text, views, seed
        self.momentum_text = None if self.momentum is None else MomentumEncoder(text)
        self.register_buffer("tokens", tokens, persistent=False)
        self.register_buffer("counts", counts, persistent=False)
        self.register_buffer("starts", counts.cumsum(0) - counts, persistent=False)

    def forward(self, pixels: Tensor, episode: Episode) -> tuple[Tensor, dict[str, Tensor]]:
        """Pixels (T, N, V, C, H, W), of which those of the support are not read, to the loss and 0-d metrics."""
        batch = self.batch(pixels[:, :, episode.shot :], episode)
        ids = episode.images[:, :, : episode.shot]
        views = (ids * (1 << 12) + episode.views[:, :, : episode.shot]).flatten()
        of_image = ids.flatten()
        number = random.below(random.key(self.seed, "caption", episode.step), views, self.counts[of_image])
        tokens = self.tokens[self.starts[of_image] + number]
        tokens = self.views(tokens, seed=self.seed, step=episode.step, ids=views)
        together = self._joined(self.projector(self.encoder(batch.rows)), self.text(tokens), episode)
        keys = None
        if self.momentum_encoder is not None and self.momentum_text is not None:
            keys = self._joined(self.momentum_encoder(batch.rows), self.momentum_text(tokens), episode)
        return self.loss(together, keys, replace(batch, axes=pixels.shape[:3]), episode)

    def after_step(self, step: int, steps: int) -> None:
        """Update both momentum encoders after step `step` of `steps`."""
        super().after_step(step, steps)
        if self.momentum_text is not None and self.momentum is not None:
            self.momentum_text.follow((self.text,), momentum_at(self.momentum, step, steps, self.momentum_schedule))

    @staticmethod
    def _joined(images: Tensor, texts: Tensor, episode: Episode) -> Tensor:
        """Rows (B, D): of each way its texts, then its images."""
        ways = episode.labels.shape
        parts = [upcast(rows).reshape(*ways, -1, rows.shape[-1]) for rows in (texts, images)]
        return torch.cat(parts, 2).flatten(0, 2)
