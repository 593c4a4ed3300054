"""Transfer: chosen evaluators on a list of targets for one encoder, its features computed once per target."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from functools import partial

import torch
from torch import Tensor, nn

from metaclr.engine.precision import dtype_for
from metaclr.engine.settings import Precision
from metaclr.errors import unknown
from metaclr.evaluation.features import device_of, features, protocol_of
from metaclr.evaluation.few_shot import few_shot
from metaclr.evaluation.fine_tune import FineTune
from metaclr.evaluation.knn import knn
from metaclr.evaluation.linear import linear
from metaclr.evaluation.low_label import low_label_finetune, low_label_frozen
from metaclr.evaluation.measurement import Measurement, join
from metaclr.evaluation.target import Embedded, Target

EVALUATORS = ("few-shot", "linear", "knn", "low-label frozen", "low-label finetune")

WorkItem = Callable[[], list[Measurement]]
"""A piece of an evaluator's work."""


def transfer(
    encoder: nn.Module,
    targets: Target | Sequence[Target],
    evaluators: Sequence[str] = EVALUATORS,
    *,
    device: torch.device | str | None = None,
    head: str = "cosine",
    fine_tune: FineTune | None = None,
    transductive_bn: bool = False,
    precision: Precision = "fp32",
) -> list[Measurement]:
    """Judge one encoder on every target, which must have the size and channels that it takes (`make_target`).

    Args:
        evaluators: any of `EVALUATORS`, in the order of the results within a target.
        head: of the few-shot evaluator. fine_tune: settings of the end-to-end low-label evaluator.
        transductive_bn, precision: of the features; recorded in every protocol.

    Raises:
        UserError: an unknown evaluator or head, or what the evaluators themselves refuse.
    """
    for name in evaluators:
        if name not in EVALUATORS:
            raise unknown("evaluator", name, EVALUATORS)
    results: list[Measurement] = []
    for target in [targets] if isinstance(targets, Target) else targets:
        seen = embed(encoder, target, device, transductive_bn=transductive_bn, precision=precision)
        for name in evaluators:
            results += evaluate(name, seen, head=head, fine_tune=fine_tune)
    return results


def embed(
    encoder: nn.Module,
    target: Target,
    device: torch.device | str | None = None,
    *,
    transductive_bn: bool = False,
    precision: Precision = "fp32",
    shared: bool = False,
) -> Embedded:
    """The features of all images of a target, once, with what their protocol says. shared: see `features`."""
    at = device_of(encoder) if device is None else torch.device(device)
    computed = dtype_for(encoder, precision, at)
    found = features(encoder, target.images, at, transductive_bn=transductive_bn, precision=precision, shared=shared)
    said = join(
        protocol_of(computed, transductive_bn=transductive_bn),
        images=target.images.fingerprint()[:16],
    )
    return Embedded(encoder, target, found, said)


def evaluate(
    name: str, seen: Embedded, *, head: str = "cosine", fine_tune: FineTune | None = None
) -> list[Measurement]:
    """One evaluator, by its name in `EVALUATORS`, on a target that is embedded already."""
    return [found for piece in work_items(name, seen, head=head, fine_tune=fine_tune) for found in piece()]


def work_items(name: str, seen: Embedded, *, head: str = "cosine", fine_tune: FineTune | None = None) -> list[WorkItem]:
    """The work of one evaluator in pieces that can be done anywhere in any order: an episode table, a label subset.

    Raises:
        UserError: an unknown evaluator.
    """
    target, said = seen.target, seen.protocol
    if name == "few-shot":
        return [
            partial(few_shot, seen.features, table, target=target.name, head=head, protocol=said)
            for table in target.tables
        ]
    if name in ("linear", "knn"):
        probe = linear if name == "linear" else knn
        return [lambda: probe(*seen.probe_parts, target=target.name, protocol=said)]
    if name == "low-label frozen":
        return [partial(_frozen, seen, labels, subsets) for labels, subsets in target.subsets]
    if name == "low-label finetune":
        return [partial(_fine_tuned, seen, labels, subsets, fine_tune) for labels, subsets in target.subsets]
    raise unknown("evaluator", name, EVALUATORS)


def _frozen(seen: Embedded, labels: str, subsets: Sequence[Tensor]) -> list[Measurement]:
    return low_label_frozen(
        *seen.probe_parts,
        subsets,
        target=seen.target.name,
        labels=labels,
        probes=seen.probes(labels),
        protocol=seen.protocol,
    )


def _fine_tuned(seen: Embedded, labels: str, subsets: Sequence[Tensor], settings: FineTune | None) -> list[Measurement]:
    return low_label_finetune(
        seen.encoder,
        *seen.image_parts,
        subsets,
        target=seen.target.name,
        labels=labels,
        settings=settings,
        probes=seen.probes(labels),
        protocol=join(images=seen.target.images.fingerprint()[:16]),
    )
