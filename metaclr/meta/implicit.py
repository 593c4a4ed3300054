"""iMAML: the outer gradient from the end of the inner loop alone, by the implicit function theorem.

Rajeswaran et al. 2019, arXiv:1909.04630. With phi the minimum of L_S(phi) + lambda / 2 |phi - theta|^2 and g the
gradient of the query loss there, the gradient by theta is (I + H / lambda)^-1 g, H the Hessian of L_S at phi.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

import torch
import torch.nn.functional as F
from torch import Tensor, nn

from metaclr.meta.conjugate_gradient import conjugate_gradient
from metaclr.meta.functional_network import FunctionalNetwork, Weights, encoder_weights, linear
from metaclr.meta.inner_loop import check_tasks
from metaclr.meta.inner_steps import Descent, final_weights
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
class ImplicitSettings:
    """inner_lr, inner_steps: gradient descent on the support loss with the proximal term of weight `proximal`.

    proximal: weight lambda of half the squared distance to the start. cg_steps: conjugate-gradient steps; 0 takes g
    itself. cg_damping: added to lambda in H / lambda (the authors' code). test_steps: at test time, without the
    proximal term (the authors' command).

    Raises:
        UserError: a value that is not allowed.
    """

    inner_lr: float = 0.1
    inner_steps: int = 16
    test_steps: int = 16
    proximal: float = 2.0
    cg_steps: int = 5
    cg_damping: float = 1.0

    def __post_init__(self) -> None:
        number(self, "inner_lr")
        number(self, "proximal", above=0.0)
        number(self, "cg_damping")
        for name in ("inner_steps", "test_steps", "cg_steps"):
            whole(self, name)


class ImplicitLoop(nn.Module):
    """An encoder and a linear head of N outputs. Memory does not grow with the number of inner steps."""

    networks: tuple[str, ...] = ()

    def __init__(self, encoder: nn.Module, way: int, settings: ImplicitSettings) -> None:
        """`encoder` (B, C, H, W) to (B, F) with attribute `features`; `way` is N."""
        super().__init__()
        self.encoder = encoder
        self.head = nn.Linear(int(encoder.features), way)  # type: ignore[arg-type]
        self.settings = settings
        self.copies = Networks(encoder)

    def forward(self, pixels: Tensor, episode: Episode) -> tuple[Tensor, dict[str, Tensor]]:
        """Pixels (T, N, V, C, H, W) to the mean query loss over tasks, and 0-d metrics."""
        check_tasks(pixels, self.head.out_features, episode.shot)
        is_random = refresh_statistics(self.encoder, pixels)

        def one(network: FunctionalNetwork, task: Tensor) -> tuple[Tensor, Tensor, Tensor]:
            return self.task(network, task, episode.shot)

        found = over_tasks(one, self.copies, list(pixels), serial=is_random or pixels.device.type != "cpu")
        losses, accuracies, gradients = (torch.stack(values) for values in zip(*found, strict=True))
        parameters = list(self.parameters())
        parts = from_vector(gradients.mean(0), parameters)
        return with_gradient(losses.mean(), parameters, parts), {"accuracy": accuracies.mean()}

    def task(self, network: FunctionalNetwork, task: Tensor, shot: int) -> tuple[Tensor, Tensor, Tensor]:
        """Query loss, accuracy (0-d) and the gradient (P,) of one task (N, V, C, H, W)."""
        settings = self.settings
        support, query = task[:, :shot].flatten(0, 1), task[:, shot:].flatten(0, 1)
        of_support, of_query = (targets(task, views) for views in (shot, task.shape[1] - shot))
        start = {name: value.detach() for name, value in self.named_parameters()}

        def logits(weights: Weights, images: Tensor) -> Tensor:
            return linear(weights, network.by_batch(encoder_weights(weights), images))

        def support_loss(weights: Weights) -> Tensor:
            return F.cross_entropy(logits(weights, support), of_support)

        def inner_loss(weights: Weights, step: int) -> Tensor:
            distance = torch.stack([(value - start[name]).square().sum() for name, value in weights.items()]).sum()
            return support_loss(weights) + 0.5 * settings.proximal * distance

        end = final_weights(inner_loss, start, Descent(lambda step, name: settings.inner_lr), settings.inner_steps)
        names = list(end)
        values = [end[name].detach().requires_grad_() for name in names]
        weights = dict(zip(names, values, strict=True))
        with torch.enable_grad():
            found = logits(weights, query)
            loss = F.cross_entropy(found, of_query)
            right = to_vector(torch.autograd.grad(loss, values))
            slope = to_vector(torch.autograd.grad(support_loss(weights), values, create_graph=True))

        def product(vector: Tensor) -> Tensor:
            hessian = to_vector(torch.autograd.grad(slope, values, vector, retain_graph=True))
            return vector + hessian / (settings.proximal + settings.cg_damping)

        solved = conjugate_gradient(product, right, settings.cg_steps) if settings.cg_steps else right
        return loss.detach(), accuracy_of(found, of_query), solved


def implicit_loop(encoder: nn.Module, method: Method, *, seed: int, settings: Mapping[str, Any]) -> ImplicitLoop:
    """The learner of a method whose `defaults` are fields of `ImplicitSettings`; see `inner_loop`.

    Raises:
        UserError: an unknown setting, or a value that is not allowed.
    """
    values = read(ImplicitSettings, method, settings)
    assert method.way is not None
    with seeded(seed, "head"):
        return ImplicitLoop(encoder, method.way, values)
