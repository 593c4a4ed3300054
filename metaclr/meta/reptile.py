"""Reptile: the start moves towards the weights that plain training on each task ends with.

Nichol, Achiam and Schulman 2018, arXiv:1803.02999. The outer gradient is (theta - mean phi) / inner_lr, for any
optimizer (their section 2): with SGD of rate r it is their step of size r / inner_lr.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

import torch
import torch.nn.functional as F
from torch import Tensor, nn

from episodes import random
from metaclr.meta.adam_rule import AdamRule
from metaclr.meta.functional_network import FunctionalNetwork, Weights, encoder_weights, linear
from metaclr.meta.inner_loop import check_tasks
from metaclr.meta.inner_steps import final_weights
from metaclr.meta.networks import Networks
from metaclr.meta.over_tasks import over_tasks
from metaclr.meta.precomputed_gradient import with_gradient
from metaclr.meta.running_statistics import refresh_statistics
from metaclr.meta.settings import number, read, whole
from metaclr.meta.task_losses import accuracy_of, targets
from metaclr.meta.vectors import from_vector, to_vector
from metaclr.networks.seeded_init import seeded

if TYPE_CHECKING:
    from episodes.task import Episode
    from metaclr.methods.method import Method


@dataclass(frozen=True)
class ReptileSettings:
    """inner_lr, inner_steps, inner_batch: Adam steps without momentum on batches of a task's images, all its views.

    test_steps, test_batch: the same on the support at test time.

    Raises:
        UserError: a value that is not allowed.
    """

    inner_lr: float = 1e-3
    inner_steps: int = 5
    inner_batch: int = 10
    test_steps: int = 50
    test_batch: int = 10

    def __post_init__(self) -> None:
        number(self, "inner_lr", above=0.0)
        for name in ("inner_steps", "inner_batch", "test_batch"):
            whole(self, name, 1)
        whole(self, "test_steps")


class Reptile(nn.Module):
    """An encoder and a linear head of N outputs.

    The inner Adam keeps its second moments from task to task, as the authors' does; here the tasks of a batch start
    from the same ones, and their mean goes into the next batch.
    """

    networks: tuple[str, ...] = ()

    def __init__(self, encoder: nn.Module, way: int, settings: ReptileSettings, seed: int) -> None:
        """`encoder` (B, C, H, W) to (B, F) with attribute `features`; `way` is N; seed: of the inner batches."""
        super().__init__()
        self.encoder = encoder
        self.head = nn.Linear(int(encoder.features), way)  # type: ignore[arg-type]
        self.settings, self.seed = settings, seed
        total = sum(p.numel() for p in self.parameters())
        self.register_buffer("second_moment", torch.zeros(total))
        self.second_moment: Tensor
        self.count = 0  # inner steps behind the second moments
        self.copies = Networks(encoder)

    def moments(self) -> Weights:
        """The second moments by parameter name."""
        parameters = dict(self.named_parameters())
        return dict(zip(parameters, from_vector(self.second_moment, [*parameters.values()]), strict=True))

    def forward(self, pixels: Tensor, episode: Episode) -> tuple[Tensor, dict[str, Tensor]]:
        """Pixels (T, N, V, C, H, W) to the mean loss over tasks on all their images after training, and metrics.

        All V views are trained on; which are support does not matter.
        """
        check_tasks(pixels, self.head.out_features, 1)
        is_random = refresh_statistics(self.encoder, pixels)

        def one(network: FunctionalNetwork, item: tuple[int, Tensor]) -> tuple[Tensor, Tensor, Tensor, Tensor]:
            number, task = item
            return self.task(network, task, random.key(self.seed, "reptile", self.count, number))

        found = over_tasks(one, self.copies, list(enumerate(pixels)), serial=is_random or pixels.device.type != "cpu")
        losses, accuracies, ends, moments = (torch.stack(values) for values in zip(*found, strict=True))
        parameters = list(self.parameters())
        with torch.no_grad():
            start = to_vector(parameters)
            parts = from_vector((start - ends.mean(0)) / self.settings.inner_lr, parameters)
            if self.training:
                self.second_moment.copy_(moments.mean(0))
                self.count += self.settings.inner_steps
        return with_gradient(losses.mean(), parameters, parts), {"accuracy": accuracies.mean()}

    def get_extra_state(self) -> Tensor:
        """The count, on the CPU, so that no step waits for a GPU to read it."""
        return torch.tensor(self.count)

    def set_extra_state(self, state: Tensor) -> None:
        """Restore the count."""
        self.count = int(state)

    def task(self, network: FunctionalNetwork, task: Tensor, key: int) -> tuple[Tensor, Tensor, Tensor, Tensor]:
        """Loss and accuracy after training, final weights (P,) and second moments (P,) of a task (N, V, C, H, W)."""
        settings = self.settings
        images, labels = task.flatten(0, 1), targets(task, task.shape[1])
        batches = inner_batches(len(images), settings.inner_batch, settings.inner_steps, key)

        def logits(weights: Weights, images: Tensor) -> Tensor:
            return linear(weights, network.by_batch(encoder_weights(weights), images))

        def loss(weights: Weights, step: int) -> Tensor:
            rows = batches[step].to(images.device)
            return F.cross_entropy(logits(weights, images[rows]), labels[rows])

        start = {name: value.detach() for name, value in self.named_parameters()}
        rule = AdamRule(lambda step, name: settings.inner_lr, self.moments(), self.count)
        end = final_weights(loss, start, rule, settings.inner_steps)
        with torch.no_grad():
            found = logits(end, images)
            return (
                F.cross_entropy(found, labels),
                accuracy_of(found, labels),
                to_vector(end.values()),
                to_vector(rule.second_moment[name] for name in start),
            )


def inner_batches(count: int, size: int, steps: int, key: int) -> list[Tensor]:
    """Rows of each step: shuffled passes over `count` images behind each other, cut into batches of `size`."""
    size = min(size, count)
    passes = -(-steps * size // count)
    order = torch.arange(count)
    shuffled = torch.cat([random.permute(random.key(key, "pass", i), order, count) for i in range(passes)])
    return list(torch.split(shuffled[: steps * size], size))


def reptile(encoder: nn.Module, method: Method, *, seed: int, settings: Mapping[str, Any]) -> Reptile:
    """The learner of a method whose `defaults` are fields of `ReptileSettings`; see `inner_loop`.

    Raises:
        UserError: an unknown setting, or a value that is not allowed.
    """
    values = read(ReptileSettings, method, settings)
    assert method.way is not None
    with seeded(seed, "head"):
        return Reptile(encoder, method.way, values, seed)
