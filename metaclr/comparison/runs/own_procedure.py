"""The test-time procedure of a trained method: its own head, embedding space and adaptation, as in its paper."""

from __future__ import annotations

from dataclasses import dataclass, fields, replace
from typing import TYPE_CHECKING, ClassVar

import torch
from torch import Tensor, nn

from metaclr.adaptation.adapted_encoder import AdaptedEncoder
from metaclr.adaptation.frozen import FrozenEncoder
from metaclr.adaptation.procedure import Procedure
from metaclr.bridge.losses.supervised import Classifier
from metaclr.bridge.objective import Bridge
from metaclr.engine.settings import Precision
from metaclr.heads.head import Head
from metaclr.heads.registry import get_head
from metaclr.meta.adam_rule import AdamRule
from metaclr.meta.implicit import ImplicitLoop
from metaclr.meta.inner_loop import InnerLoop
from metaclr.meta.inner_steps import Rate
from metaclr.meta.reptile import Reptile
from metaclr.networks.eval_mode import evaluation_mode

if TYPE_CHECKING:
    from metaclr.methods import Method

QUERIES_PRECISION: Precision = "auto"
"""Of adapted features, which are computed anew in every episode, unlike all others: bf16 halves the time on a CPU."""

EMBEDDING_LAYERS = ("none", "linear")
"""Projectors that are part of a paper's embedding; one with hidden layers is dropped after training, as in SimCLR."""


def own_procedure(method: Method, learner: nn.Module) -> Procedure | None:
    """How the method classifies an episode, with the numbers that `learner` has trained.

    An objective with a head that fits an episode (prototypes, matching, ridge, SVM, relation) gives that head, in the
    space that it was trained in; only a projector with hidden layers is left out, unless the head itself has trained
    numbers. Every other objective (pairs, BYOL, VICReg) has none: such papers measure a linear classifier on features,
    so an episode gets logistic regression (Tian et al. 2020, arXiv:2003.11539); cross-entropy over classes gets
    Baseline++ (Chen et al. 2019, arXiv:1904.04232).

    A method may name another head as its own (`Method.episode_head`: ProtoTransfer tunes its prototypes).

    MAML and its relatives take their inner loop's steps on the support of the episode.

    Returns:
        The procedure; None for a learner of another kind without an objective.
    """
    if isinstance(learner, InnerLoop | ImplicitLoop | Reptile):
        return adapted(learner)
    if method.episode_head:
        return _named(method.episode_head)
    objective = getattr(learner, "objective", None)
    if objective is None:
        return None
    head = _episode_head(objective) if isinstance(objective, Bridge) else None
    if head is None:
        return _named("baseline++" if isinstance(objective, Classifier) else "logistic")
    projector, settings = learner.get_submodule("projector"), objective.settings
    keep = method.projector in EMBEDDING_LAYERS or isinstance(head, nn.Module)
    space = "projected embeddings" if keep and method.projector != "none" else "features"

    def embed(features: Tensor) -> Tensor:
        embeddings = _project(projector, features) if keep else features
        normalized: Tensor = settings.embedding(embeddings)
        return normalized

    return FrozenEncoder(head, embed, f"{_describe(head)}, {settings.embedding} {space}")


def adapted(learner: InnerLoop | ImplicitLoop | Reptile) -> AdaptedEncoder:
    """The inner loop of a meta-learner, with the steps and the rates that it has for test time."""
    settings = learner.settings
    plain = AdaptedEncoder(
        learner.encoder, learner.head, settings.inner_lr, settings.test_steps, precision=QUERIES_PRECISION
    )
    if isinstance(learner, InnerLoop):
        of = learner.settings
        return replace(
            plain,
            lr=settings.inner_lr if learner.rates is None else 1.0,
            rates=learner.rates,
            adapt=of.adapt,
            statistics="per_step" if of.statistics == "per_step" else "support",
            step_statistics=learner.step_statistics,
        )
    if isinstance(learner, Reptile):
        moments, count = learner.moments(), learner.count
        return replace(plain, rule=AdamFrom(moments, count), batch=learner.settings.test_batch)
    return plain


@dataclass(frozen=True, eq=False)
class AdamFrom:
    """Builds Reptile's rule with the second moments that training ended with."""

    second_moment: dict[str, Tensor]
    count: int

    description: ClassVar[str] = AdamRule.description

    def __call__(self, rate: Rate) -> AdamRule:
        """A new rule."""
        return AdamRule(rate, self.second_moment, self.count)


def _episode_head(objective: Bridge) -> Head | None:
    """The head that training fits to an episode, or None for pairs and for a head without one."""
    build = getattr(objective.head, "episode_head", None)
    if build is None:
        return None
    scale = objective.log_scale
    head: Head = build(objective.settings.temperature if scale is None else float((-scale.detach()).exp()))
    return head


@torch.inference_mode()
def _project(projector: nn.Module, features: Tensor) -> Tensor:
    with evaluation_mode(projector):
        weights = next(projector.parameters(), features)
        embeddings: Tensor = projector(features.to(weights.dtype))
    return embeddings.to(features.dtype)


def _describe(head: Head) -> str:
    """The head and its settings: "ridge, regularizer=1"."""
    name = type(head).__name__
    if isinstance(head, nn.Module):
        return f"{name} with trained weights"
    values = [(field.name, getattr(head, field.name)) for field in fields(head)]  # type: ignore[arg-type]
    shown = [f"{key} {value:g}" if isinstance(value, int | float) else f"{value.__name__}" for key, value in values]
    return ", ".join([name, *shown])


def _named(name: str) -> FrozenEncoder:
    named = get_head(name)
    assert isinstance(named.head, Head)
    return FrozenEncoder(named.head, named.transform, named.description)
