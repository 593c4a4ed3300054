"""MAML, FOMAML, ANIL, Meta-SGD and MAML++'s tricks as one learner of the engine, on the tasks of a batch.

Finn et al. 2017, arXiv:1703.03400; the relatives' papers are named in `metaclr.meta.settings`. UMTRA is MAML on tasks
of unlabelled images.
"""

from __future__ import annotations

from collections.abc import Mapping
from typing import TYPE_CHECKING, Any

import torch
from torch import Tensor, nn

from metaclr.errors import UserError
from metaclr.meta import task_losses
from metaclr.meta.inner_steps import Order
from metaclr.meta.learned_rates import LayerStepRates, ParameterRates
from metaclr.meta.networks import Networks
from metaclr.meta.precomputed_gradient import with_gradient
from metaclr.meta.running_statistics import refresh_statistics
from metaclr.meta.settings import InnerSettings, read
from metaclr.meta.step_statistics import StepStatistics
from metaclr.networks.seeded_init import seeded

if TYPE_CHECKING:
    from episodes.task import Episode
    from metaclr.methods.method import Method


class InnerLoop(nn.Module):
    """An encoder and a linear head of N outputs, adapted to each task's support set; the loss is that of its queries.

    Way n of a task belongs to output n. The running statistics of batch norm, for evaluation without adaptation, are
    those of the encoder before adaptation.
    """

    # Inner loops cannot be compiled (second derivatives), and their batch statistics are of one task.
    networks: tuple[str, ...] = ()

    def __init__(self, encoder: nn.Module, way: int, settings: InnerSettings) -> None:
        """`encoder` (B, C, H, W) to (B, F) with attribute `features`; `way` is N.

        Raises:
            UserError: learn2learn is asked for and missing.
        """
        super().__init__()
        if settings.backend == "learn2learn":
            from metaclr.extras import need

            need("learn2learn", "backend = 'learn2learn' of an inner loop")
        self.encoder = encoder
        self.head = nn.Linear(int(encoder.features), way)  # type: ignore[arg-type]
        self.settings = settings
        adapted = self.adapted()
        self.rates: nn.Module | None = None
        if settings.rates == "parameter":
            self.rates = ParameterRates(adapted)
        elif settings.rates == "layer_step":
            self.rates = LayerStepRates(adapted, settings.inner_lr, settings.inner_steps)
        self.step_statistics = (
            StepStatistics(encoder, settings.inner_steps) if settings.statistics == "per_step" else None
        )
        self.progress = 0.0  # finished part of the training
        self.copies = Networks(encoder)

    def adapted(self) -> dict[str, Tensor]:
        """The parameters that inner steps change, by name."""
        return {
            name: value
            for name, value in self.named_parameters()
            if name.startswith("head." if self.settings.adapt == "head" else ("encoder.", "head."))
        }

    def rate(self, step: int, name: str) -> float | Tensor:
        """Rate of an inner step for a parameter."""
        found: float | Tensor = self.settings.inner_lr if self.rates is None else self.rates(step, name)
        return found

    @property
    def order(self) -> Order:
        """Whether the second derivatives are dropped in this step of the training."""
        is_first = self.settings.first_order or self.progress < self.settings.first_order_until
        return "first" if is_first else "second"

    def forward(self, pixels: Tensor, episode: Episode) -> tuple[Tensor, dict[str, Tensor]]:
        """Pixels (T, N, V, C, H, W), V = K + Q, to the mean query loss over tasks, and 0-d metrics.

        Where the encoder is adapted, the gradient is taken task by task, so memory does not grow with T.
        """
        check_tasks(pixels, self.head.out_features, episode.shot)
        if self.settings.adapt == "head":
            losses, accuracies = task_losses.of_head(self, pixels, episode.shot)
            return losses.mean(), {"accuracy": accuracies.mean()}
        is_random = refresh_statistics(self.encoder, pixels)
        parameters = [p for p in self.parameters() if p.requires_grad]
        with torch.enable_grad():
            losses, accuracies, gradients = task_losses.of_all(self, parameters, pixels, episode.shot, serial=is_random)
        return with_gradient(losses.mean(), parameters, gradients), {"accuracy": accuracies.mean()}

    def after_step(self, step: int, steps: int) -> None:
        """Note how much of the training is done after step `step` of `steps`, where something is annealed.

        A step that nothing anneals can be recorded as a CUDA graph.
        """
        if self.settings.multi_step or self.settings.first_order_until:
            self.progress = step / max(steps, 1)

    def get_extra_state(self) -> Tensor:
        """The progress, on the CPU, so that no step waits for a GPU to read it."""
        return torch.tensor(self.progress, dtype=torch.float64)

    def set_extra_state(self, state: Tensor) -> None:
        """Restore the progress."""
        self.progress = float(state)


def check_tasks(pixels: Tensor, way: int, shot: int) -> None:
    """Refuse tasks (T, N, V, ...) of another number of ways than the head has, or without queries.

    Raises:
        UserError: names both numbers.
    """
    if pixels.shape[1] != way:
        raise UserError(f"tasks of {pixels.shape[1]} ways for a head of {way} outputs; set the method's way")
    if not 1 <= shot < pixels.shape[2]:
        raise UserError(f"shot = {shot}: an inner loop on {pixels.shape[2]} views needs 1 to {pixels.shape[2] - 1}")


def inner_loop(encoder: nn.Module, method: Method, *, seed: int, settings: Mapping[str, Any]) -> InnerLoop:
    """The learner of a method whose `defaults` are fields of `InnerSettings`.

    settings: values that replace the defaults, by name. Initial weights of the head and rates are a function of the
    seed.

    Raises:
        UserError: learn2learn is missing, an unknown setting, or a value that is not allowed.
    """
    values = read(InnerSettings, method, settings)
    assert method.way is not None
    with seeded(seed, "head"):
        return InnerLoop(encoder, method.way, values)
