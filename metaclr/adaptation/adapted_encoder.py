"""Gradient steps on an episode's support before its queries are classified: MAML's inner loop at test time.

Finn et al. 2017, arXiv:1703.03400. ANIL (Raghu et al. 2020, arXiv:1909.09157) steps on the head alone.
"""

from __future__ import annotations

from collections.abc import Iterator
from copy import deepcopy
from dataclasses import dataclass
from typing import Literal

import torch
import torch.nn.functional as F
from torch import Tensor, nn
from torch.func import functional_call, grad, vmap

from episodes import EpisodeTable, ImageSet, to_float
from metaclr.adaptation.support_norm import with_support_norm
from metaclr.device import device_of
from metaclr.errors import UserError
from metaclr.heads.linear_classifier import LinearClassifier

Parameters = dict[str, Tensor]

_GPU_IMAGES = 1 << 13  # images of a chunk of episodes under vmap


@dataclass(frozen=True, eq=False)
class AdaptedEncoder:
    """A procedure: encoder and linear head take `steps` gradient steps of rate `lr` on the support of each episode.

    head: weight (W, F) and bias (W,) of as many ways as it was trained with, or None for prototypes as the start
        (weight 2 c, bias -|c|^2 of each way's mean c; ProtoTransfer, arXiv:2006.11325). For another number of ways
        every way starts from the mean row, which makes the prediction independent of the order of ways (Ye and Chao
        2022, arXiv:2106.16245).
    adapt: "all", or "head" for the head alone on frozen features (ANIL).
    statistics: of batch norm. "support": of the episode's support, as the inner loop is trained, for its queries too.
        "running": those of training, which an inner loop trained on batch statistics does not fit: on Omniglot MAML is
        near chance with them. Either way predictions are inductive.

    Raises:
        UserError: negative steps or rate.
    """

    encoder: nn.Module
    head: nn.Linear | None
    lr: float
    steps: int
    adapt: Literal["all", "head"] = "all"
    statistics: Literal["support", "running"] = "support"
    transductive: bool = False

    def __post_init__(self) -> None:
        if self.steps < 0 or not self.lr >= 0:
            raise UserError(f"adaptation needs steps and lr of at least 0, not {self.steps} and {self.lr}")

    @property
    def description(self) -> str:
        """What is adapted, how far, from which head, and which statistics batch norm uses."""
        what = "encoder and linear head" if self.adapt == "all" else "linear head"
        start = "prototypes" if self.head is None else "trained weights"
        bn = "" if self.adapt == "head" else f", batch norm by {self.statistics} statistics"
        return f"{what} adapted by {self.steps} steps of rate {self.lr:g} from {start}{bn}"

    def episode_logits(self, features: Tensor, images: ImageSet, table: EpisodeTable) -> Iterator[Tensor]:
        """See `Procedure`."""
        with torch.inference_mode(False), torch.no_grad():
            if self.adapt == "head":
                yield from self._head_alone(features, table)
            else:
                yield from self._all(images, table)

    def _head_alone(self, features: Tensor, table: EpisodeTable) -> Iterator[Tensor]:
        """On cached features (M, F): batched matrix products over all episodes of a chunk."""
        rows = features.clone()  # of inference mode no more
        for s, q in zip(torch.split(table.support, 500), torch.split(table.query, 500), strict=True):
            support, query = rows[s.to(rows.device)], rows[q.to(rows.device)].flatten(1, 2)
            yield adapted_linear(*self._start(support), support, self.lr, self.steps).logits(query)

    def _start(self, support: Tensor) -> tuple[Tensor, Tensor]:
        """Weight (E, N, F) and bias (E, N) before the first step, for support features (E, N, K, F)."""
        episodes, way = support.shape[:2]
        if self.head is None:
            means = support.mean(2)
            return 2 * means, -means.square().sum(-1)
        weight, bias = self.head.weight.detach(), self.head.bias.detach()
        if way != len(weight):
            weight, bias = (value.mean(0, keepdim=True).expand(way, *value.shape[1:]) for value in (weight, bias))
        return (
            weight.to(support.dtype).expand(episodes, -1, -1),
            bias.to(support.dtype).expand(episodes, -1),
        )

    def _all(self, images: ImageSet, table: EpisodeTable) -> Iterator[Tensor]:
        """Through the images of each episode; on a GPU a chunk of episodes at once under vmap, on a CPU one by one.

        On a CPU the convolutions of vmap become grouped ones, at half the speed.
        """
        device = device_of(self.encoder)
        way, shot = table.shape.way, table.shape.shot
        episode = _Episode(self, way, shot)
        many = device.type == "cuda"
        size = max(1, _GPU_IMAGES // (way * table.shape.views)) if many else 1
        dtype = next(self.encoder.parameters()).dtype
        for s, q in zip(torch.split(table.support, size), torch.split(table.query, size), strict=True):
            support, query = (
                to_float(images.images[index.flatten(1).to(images.images.device)].to(device)).to(dtype)
                for index in (s, q)
            )
            yield vmap(episode)(support, query) if many else episode(support[0], query[0]).unsqueeze(0)


def adapted_linear(weight: Tensor, bias: Tensor, support: Tensor, lr: float, steps: int) -> LinearClassifier:
    """Gradient descent on the mean cross-entropy of support (E, N, K, F), from weight (E, N, F) and bias (E, N)."""
    way, shot = support.shape[1:3]
    rows = support.flatten(1, 2)
    one_hot = torch.eye(way, dtype=rows.dtype, device=rows.device).repeat_interleave(shot, 0)
    for _ in range(steps):
        excess = (torch.baddbmm(bias.unsqueeze(1), rows, weight.mT).softmax(-1) - one_hot) / len(one_hot)
        weight, bias = weight - lr * (excess.mT @ rows), bias - lr * excess.sum(1)
    return LinearClassifier(weight, bias, way)


class _Episode:
    """Logits (N Q, N) of one episode as a pure function of support (N K, C, H, W) and query (N Q, C, H, W)."""

    def __init__(self, settings: AdaptedEncoder, way: int, shot: int) -> None:
        self.settings, self.way, self.shot = settings, way, shot
        if settings.statistics == "support":
            self.network, self.norms = with_support_norm(settings.encoder)
        else:
            self.network, self.norms = deepcopy(settings.encoder).eval(), []
        self.network.requires_grad_(False)
        self.parameters: Parameters = dict(self.network.named_parameters())
        self.buffers = dict(self.network.named_buffers())

    def __call__(self, support: Tensor, query: Tensor) -> Tensor:
        count = len(support)
        for norm in self.norms:
            norm.n_support = count
        encoder = self.parameters
        features = self._embed(encoder, support)
        weight, bias = self.settings._start(features.view(1, self.way, self.shot, -1))
        head = {"weight": weight[0], "bias": bias[0]}
        target = torch.arange(self.way, device=support.device).repeat_interleave(self.shot)

        def loss(both: tuple[Parameters, Parameters]) -> Tensor:
            logits = F.linear(self._embed(both[0], support), both[1]["weight"], both[1]["bias"])
            return F.cross_entropy(logits, target)

        lr = self.settings.lr
        for _ in range(self.settings.steps):
            slope, of_head = grad(loss)((encoder, head))
            encoder = {name: value - lr * slope[name] for name, value in encoder.items()}
            head = {name: value - lr * of_head[name] for name, value in head.items()}
        together = torch.cat([support, query]) if self.norms else query  # the support gives its statistics
        rows = self._embed(encoder, together)[-len(query) :]
        return F.linear(rows, head["weight"], head["bias"])

    def _embed(self, parameters: Parameters, pixels: Tensor) -> Tensor:
        out: Tensor = functional_call(self.network, (parameters, self.buffers), (pixels,))
        return out.flatten(1)
