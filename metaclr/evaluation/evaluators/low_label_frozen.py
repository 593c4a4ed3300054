"""A few labels on frozen features: a linear probe fitted to each stored label subset."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from functools import partial
from typing import Any

import torch
from torch import Tensor

from metaclr.evaluation.evaluator import Evaluator, WorkItem
from metaclr.evaluation.label_subsets import check_subsets, low_label_probes, subsets_digest
from metaclr.evaluation.linear_probe import Probe
from metaclr.evaluation.measurement import Measurement, from_subsets, join
from metaclr.evaluation.target import Embedded
from metaclr.evaluation.train_test_features import check_features


@dataclass(frozen=True)
class LowLabelFrozen:
    """No settings: the penalty of each probe is chosen on a third of the labelled images."""


def low_label_frozen(
    x: Tensor,
    y: Tensor,
    x_test: Tensor,
    y_test: Tensor,
    subsets: Sequence[Tensor],
    *,
    target: str,
    labels: str,
    probes: Sequence[Probe] | None = None,
    protocol: str = "",
) -> list[Measurement]:
    """Measure a linear probe on the labels of each subset: mean test accuracy, Student t interval over subsets.

    Args:
        x, y: features (n, F) and labels (n,) of the training part. x_test, y_test: those of the test part.
        subsets: stored indices into the training part (`episodes.label_subset`), one tensor per subset seed.
        labels: name of the subset in tables, "1 % (18)".
        probes: `low_label_probes` of the same features, if they are fitted already.

    Raises:
        UserError: no subset, one with a single class, or one with indices outside the training part.
    """
    fitted = probes or low_label_probes(x, y, subsets)
    correct, penalty, way = [], "", 0
    for subset, probe in zip(check_subsets(subsets, len(x)), fitted, strict=True):
        data = check_features(x[subset.to(x.device)], y[subset.to(y.device)], x_test, y_test)
        correct.append(probe.scores(data.x_test).argmax(1) == data.y_test)
        penalty, way = probe.description, data.classes
    head = "logistic regression on standardized features"
    protocol = join(protocol, labels=subsets_digest(subsets), head=head, penalty=penalty)
    stacked = torch.stack(correct)
    return [from_subsets("low-label frozen", stacked, target=target, way=way, labels=labels, protocol=protocol)]


def work_items(embedded: Embedded, settings: LowLabelFrozen) -> list[WorkItem]:
    """One item per name of label subsets."""
    return [partial(_measure, embedded, labels, subsets) for labels, subsets in embedded.target.subsets]


def _measure(embedded: Embedded, labels: str, subsets: Sequence[Tensor]) -> list[Measurement]:
    return low_label_frozen(
        *embedded.probe_parts,
        subsets,
        target=embedded.target.name,
        labels=labels,
        probes=embedded.probes(labels),
        protocol=embedded.probe_protocol,
    )


def _recipe_settings(recipe: Mapping[str, Any]) -> Mapping[str, Any] | None:
    low = recipe.get("low_label")
    return {} if low and "frozen" in low["modes"] else None


EVALUATOR = Evaluator(
    name="low-label frozen",
    family="low-label",
    summary="accuracy on test images of a linear probe fitted to a few labels, on frozen features",
    settings=LowLabelFrozen(),
    work_items=work_items,
    recipe_settings=_recipe_settings,
)
