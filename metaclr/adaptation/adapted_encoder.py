"""Gradient steps on an episode's support before its queries are classified: the inner loop of training, at test time.

MAML (Finn et al. 2017, arXiv:1703.03400) and its relatives, and fine-tuning of a whole encoder on each episode. ANIL
(Raghu et al. 2020, arXiv:1909.09157) steps on the head alone.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator
from dataclasses import dataclass
from typing import Literal

import torch
from torch import Tensor, nn

from episodes import EpisodeTable, ImageSet, to_float
from metaclr.adaptation.adapted_episode import AdaptedEpisode
from metaclr.device import device_of
from metaclr.engine.precision import NAMES, dtype_for
from metaclr.engine.settings import Precision
from metaclr.errors import UserError
from metaclr.heads.linear_classifier import LinearClassifier
from metaclr.meta.functional_network import FunctionalNetwork
from metaclr.meta.inner_steps import Descent, Rate, Rule
from metaclr.meta.networks import Networks
from metaclr.meta.over_tasks import over_tasks
from metaclr.meta.step_statistics import StepStatistics

_GPU_IMAGES = 1 << 13  # images of a chunk of episodes under vmap
_CPU_EPISODES = 64  # of a chunk; their pixels are all that is held


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
        near chance with them. "per_step": `step_statistics`. With these predictions are inductive. "batch": the
        queries by their own statistics, as the authors of MAML measure it; that is transductive.
    rates: learned rates (step, parameter name), which `lr` multiplies. rule: from rates to an update rule, anew for
        each episode. batch: images of a step, in shuffled passes over the support; None is all of them.
    proximal: weight of half the squared distance from the start, added to the loss of every step (iMAML).
    precision: of the queries' features; the steps are in float32, or float64 for an encoder in float64.
    chosen: how steps and rate were chosen, for the description.

    Raises:
        UserError: negative steps or rate.
    """

    encoder: nn.Module
    head: nn.Linear | None
    lr: float
    steps: int
    adapt: Literal["all", "head"] = "all"
    statistics: Literal["support", "running", "per_step", "batch"] = "support"
    step_statistics: StepStatistics | None = None
    rates: Rate | None = None
    rule: Callable[[Rate], Rule] = Descent
    batch: int | None = None
    proximal: float = 0.0
    precision: Precision = "fp32"
    chosen: str = ""

    def __post_init__(self) -> None:
        if self.steps < 0 or not self.lr >= 0:
            raise UserError(f"adaptation needs steps and lr of at least 0, not {self.steps} and {self.lr}")

    @property
    def transductive(self) -> bool:
        """Whether a prediction depends on the other queries of the episode."""
        return self.statistics == "batch" and self.adapt == "all"

    @property
    def description(self) -> str:
        """What is adapted, how far, from which head, and which statistics batch norm uses."""
        what = "encoder and linear head" if self.adapt == "all" else "linear head"
        start = "prototypes" if self.head is None else "trained weights"
        rate = f"rate {self.lr:g}" if self.rates is None else f"{self.lr:g} times the learned rates"
        rate += "" if self.rule is Descent else f" by {getattr(self.rule, 'description', 'its rule')}"
        rate += f" on {self.batch} images each" if self.batch else ""
        rate += f", proximal weight {self.proximal:g}," if self.proximal else ""
        of = {"per_step": "the step's running", "batch": "each batch's"}.get(self.statistics, self.statistics)
        bn = "" if self.adapt == "head" else f", batch norm by {of} statistics"
        computed = dtype_for(self.encoder, self.precision, device_of(self.encoder))
        queries = f", queries in {NAMES[computed]}" if computed == torch.bfloat16 and self.adapt == "all" else ""
        chosen = f", {self.chosen}" if self.chosen else ""
        return f"{what} adapted by {self.steps} steps of {rate} from {start}{bn}{queries}{chosen}"

    def rate(self, step: int, name: str) -> float | Tensor:
        """Rate of a step for a parameter."""
        return self.lr if self.rates is None else self.lr * self.rates(step, name)

    def rate_for(self, way: int) -> Rate:
        """The rates for tasks of `way` ways; other ways than were trained all get the mean, as in `start`."""

        def rate(step: int, name: str) -> float | Tensor:
            found = self.rate(step, name)
            if isinstance(found, Tensor) and found.ndim and name.startswith("head.") and len(found) != way:
                return found.mean(0, keepdim=True).expand(way, *found.shape[1:])
            return found

        return rate

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
            weight, bias = self.start(support)
            yield adapted_linear(weight, bias, support, self.rate_for(len(s[0])), self.steps).logits(query)

    def start(self, support: Tensor) -> tuple[Tensor, Tensor]:
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
        """Through the images of each episode: under vmap on a GPU, on a CPU each episode by one of the threads."""
        device = device_of(self.encoder)
        way, shot = table.shape.way, table.shape.shot
        networks, episode = Networks(self.encoder), AdaptedEpisode(self, way, shot)
        many = device.type == "cuda"
        size = max(1, _GPU_IMAGES // (way * table.shape.views)) if many else _CPU_EPISODES
        dtype = next(self.encoder.parameters()).dtype

        def pixels(index: Tensor) -> Tensor:
            return to_float(images.images[index.to(images.images.device)].to(device)).to(dtype)

        def one(network: FunctionalNetwork, rows: tuple[Tensor, Tensor]) -> Tensor:
            return episode.logits(network, pixels(rows[0]), pixels(rows[1]))

        for s, q in zip(torch.split(table.support, size), torch.split(table.query, size), strict=True):
            support, query = s.flatten(1), q.flatten(1)
            if many:
                yield episode.logits_of_many(networks(1)[0], pixels(support), pixels(query))
            else:
                yield torch.stack(over_tasks(one, networks, list(zip(support, query, strict=True))))


def adapted_linear(weight: Tensor, bias: Tensor, support: Tensor, rate: float | Rate, steps: int) -> LinearClassifier:
    """Gradient descent on the mean cross-entropy of support (E, N, K, F), from weight (E, N, F) and bias (E, N)."""
    way, shot = support.shape[1:3]
    rows = support.flatten(1, 2)
    one_hot = torch.eye(way, dtype=rows.dtype, device=rows.device).repeat_interleave(shot, 0)
    for step in range(steps):
        of_weight, of_bias = (rate(step, f"head.{name}") if callable(rate) else rate for name in ("weight", "bias"))
        excess = (torch.baddbmm(bias.unsqueeze(1), rows, weight.mT).softmax(-1) - one_hot) / len(one_hot)
        weight, bias = weight - of_weight * (excess.mT @ rows), bias - of_bias * excess.sum(1)
    return LinearClassifier(weight, bias, way)
