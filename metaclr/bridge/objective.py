"""The one objective: contrastive and few-shot losses as settings of nine axes."""

from __future__ import annotations

from dataclasses import dataclass, replace
from math import log
from typing import Any

import torch
from torch import Tensor, nn

from metaclr.bridge import axes, compatibility
from metaclr.bridge.context import Context
from metaclr.bridge.denominators.unweighted import cross_entropy
from metaclr.bridge.embedding import Embedding, unit_norm
from metaclr.bridge.heads.pairwise import Pairs
from metaclr.bridge.labels import Given, instance
from metaclr.bridge.logits.upcast import upcast
from metaclr.bridge.negatives import in_batch
from metaclr.bridge.roles import Roles, leave_one_out
from metaclr.bridge.spec import ObjectiveSpec, Sizes
from metaclr.bridge.tasks import one_task
from metaclr.errors import UserError


@dataclass(frozen=True)
class Objective(ObjectiveSpec):
    """A point in the space of the bridge; the defaults are SimCLR's. See `metaclr.bridge.axes`."""

    labels: axes.Labels | axes.HasModule[axes.Labels] = instance
    roles: Roles = leave_one_out
    tasks: axes.Tasks | axes.HasModule[axes.Tasks] = one_task
    embedding: Embedding = unit_norm
    head: axes.Head | axes.HasModule[axes.Head] = Pairs()  # noqa: RUF009  a frozen value
    temperature: float = 0.5
    learn_temperature: bool = False
    negatives: axes.Negatives | axes.HasModule[axes.Negatives] = in_batch
    denominator: axes.Denominator | axes.HasModule[axes.Denominator] = cross_entropy

    def __post_init__(self) -> None:
        compatibility.check(self)

    @property
    def needs_labels(self) -> bool:
        """Given labels, or negatives that are chosen by them."""
        return isinstance(self.labels, Given) or getattr(self.negatives, "needs_labels", False)

    def module(self, sizes: Sizes) -> nn.Module:
        """The composition of the axes for embeddings of this size."""
        return Bridge(self, sizes)


class Bridge(nn.Module):
    """Embeddings `(T, N, V, D)` to the loss: mean over the queries of a task, then over tasks.

    Degenerate batches: a query without a positive is not counted, and one without a negative costs 0, so that a batch
    in which no query has both costs 0 with a gradient of 0, for every head and denominator. The losses off the bridge
    keep the same rule, or refuse a batch whose statistics are undefined; those without negatives have no such batch.

    `accuracy`, after a forward: the share of queries whose nearest column is of their own class.
    """

    def __init__(self, settings: Objective, sizes: Sizes) -> None:
        super().__init__()
        sizes = replace(sizes, dim=settings.embedding.dims(sizes.dim))
        self.settings = settings
        self.tasks: axes.Tasks = _made(settings.tasks, sizes)
        self.labels: axes.Labels = _made(settings.labels, sizes)
        self.head: axes.Head = _made(settings.head, sizes)
        self.sums_positives: bool = getattr(self.head, "sums_positives", False)
        self.negatives: axes.Negatives = _made(settings.negatives, sizes)
        self.denominator: axes.Denominator = _made(settings.denominator, sizes)
        start = torch.tensor(-log(settings.temperature))
        self.log_scale = nn.Parameter(start) if settings.learn_temperature else None
        self.accuracy: Tensor | None = None

    def forward(self, embeddings: Tensor, context: Context | None = None) -> Tensor:
        """The loss, a scalar of at least float32, also under autocast.

        Raises:
            UserError: embeddings or context that do not fit the settings.
        """
        context = check_shapes(embeddings, context)
        with torch.autocast(embeddings.device.type, enabled=False):
            embeddings = upcast(embeddings)
            if getattr(self.settings.negatives, "needs_batch", False):
                context = self._with_batch(embeddings, context)
            embeddings, context = self.tasks(embeddings, context)
            queries = self.settings.embedding(embeddings)
            support = (
                queries
                if context.momentum_embeddings is None
                else self.settings.embedding(upcast(context.momentum_embeddings))
            )
            assignment = self.settings.roles(queries, support, context.shot)
            assignment, labels = self.labels(assignment, context)
            scale = self._scale()
            logits = self.head(assignment, labels, scale)
            logits = self.negatives(logits, assignment, context, scale)
            numerator = logits.log_sum_exp_positives() if self.sums_positives else logits.mean_positives()
            losses = self.denominator(logits, numerator, context, scale)
            losses = losses.where(logits.has_negative(), 0)
            self.accuracy = mean_over_queries(logits.is_correct().float(), logits.has_positive())
            return mean_over_queries(losses, logits.has_positive())

    def _with_batch(self, embeddings: Tensor, context: Context) -> Context:
        """The context with the rows of the batch and the images of its ways; without image ids each way is one."""
        tasks, ways, views = embeddings.shape[:3]
        images = context.images
        if images is None:
            images = torch.arange(tasks * ways, device=embeddings.device).reshape(tasks, ways)
        of_rows = images.reshape(tasks, ways, -1)[..., :1].expand(-1, -1, views).flatten()
        return replace(context, images=images, batch=(self.settings.embedding(embeddings).flatten(0, 2), of_rows))

    def _scale(self) -> Tensor | float:
        """1 / temperature."""
        if self.log_scale is None:
            return 1 / self.settings.temperature
        scale = self.log_scale.exp()
        # clip the value but not the gradient, so that training can leave the limit
        return scale + (scale.clamp(max=compatibility.MAX_LOGIT_SCALE) - scale).detach()


def check_shapes(embeddings: Tensor, context: Context | None) -> Context:
    """The context, after checking that embeddings and momentum embeddings are `(T, N, V, D)`."""
    context = context or Context()
    if embeddings.ndim != 4 or 0 in embeddings.shape:
        raise UserError(f"embeddings must be (tasks, ways, views, dimensions), got {tuple(embeddings.shape)}")
    if context.momentum_embeddings is not None and context.momentum_embeddings.shape != embeddings.shape:
        raise UserError(
            f"momentum_embeddings {tuple(context.momentum_embeddings.shape)} differ in shape from "
            f"embeddings {tuple(embeddings.shape)}"
        )
    return context


def mean_over_queries(values: Tensor, counted: Tensor | None) -> Tensor:
    """Mean of `(T, R)` over the counted queries, then over tasks; a query without a positive is not counted."""
    if counted is None:
        return values.mean()
    return (values.where(counted, 0).sum(-1) / counted.sum(-1).clamp(min=1)).mean()


def _made(axis: Any, sizes: Sizes) -> Any:
    """The axis itself, or its module where it has state."""
    return axis.module(sizes) if hasattr(axis, "module") else axis
