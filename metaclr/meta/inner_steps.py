"""Gradient steps on the loss of a support set: one function for training, with the graph of the steps, and testing."""

from __future__ import annotations

from collections import deque
from collections.abc import Callable, Iterator
from typing import Literal, Protocol

import torch
from torch import Tensor
from torch.func import grad

from metaclr.meta.functional_network import Weights

Loss = Callable[[Weights, int], Tensor]
"""0-d loss of weights before step 0, 1, ..."""
Order = Literal["second", "first", "none"]
"""What is differentiated through a step: the gradient too, the weights alone (first-order MAML), or nothing."""


Rate = Callable[[int, str], "float | Tensor"]
"""Rate of a step for a parameter: a number, or a tensor that broadcasts to the parameter's shape."""


class Rule(Protocol):
    """How gradients change weights. A rule with a state of its own is made anew for each task."""

    def __call__(self, weights: Weights, gradients: Weights, step: int) -> Weights:
        """New weights of the names in `gradients`."""


class Descent:
    """w - rate(step, name) * gradient."""

    def __init__(self, rate: Rate) -> None:
        self.rate = rate

    def __call__(self, weights: Weights, gradients: Weights, step: int) -> Weights:
        """See `Rule`."""
        return {name: weights[name] - self.rate(step, name) * gradient for name, gradient in gradients.items()}


def inner_steps(
    loss: Loss, weights: Weights, rule: Rule, steps: int, order: Order, *, functional: bool = False
) -> Iterator[Weights]:
    """Yield the weights after each of `steps` steps; those that need no gradient stay as they are.

    functional: differentiate by torch.func, as vmap needs; otherwise by autograd, through any custom function.
    """
    adapted = [name for name, value in weights.items() if functional or value.requires_grad or order == "none"]
    for step in range(steps):
        with torch.enable_grad():
            if order == "none" and not functional:
                weights = {
                    name: value.detach().requires_grad_() if name in adapted else value
                    for name, value in weights.items()
                }
            if functional:
                gradients = _functional(loss, weights, step)
            else:
                gradients = _autograd(loss, weights, adapted, step, order)
        if order != "second":
            gradients = {name: gradient.detach() for name, gradient in gradients.items()}
        with torch.set_grad_enabled(order != "none" and torch.is_grad_enabled()):
            weights = {**weights, **rule(weights, gradients, step)}
        yield weights


def final_weights(
    loss: Loss, weights: Weights, rule: Rule, steps: int, *, order: Order = "none", functional: bool = False
) -> Weights:
    """The weights after all steps of `inner_steps`, `weights` themselves after none."""
    last = deque(inner_steps(loss, weights, rule, steps, order, functional=functional), maxlen=1)
    return last[0] if last else weights


def _autograd(loss: Loss, weights: Weights, adapted: list[str], step: int, order: Order) -> Weights:
    found = torch.autograd.grad(
        loss(weights, step), [weights[name] for name in adapted], create_graph=order == "second", allow_unused=True
    )
    return {name: gradient for name, gradient in zip(adapted, found, strict=True) if gradient is not None}


def _functional(loss: Loss, weights: Weights, step: int) -> Weights:
    gradients: Weights = grad(loss)(weights, step)
    return gradients
