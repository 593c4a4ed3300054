"""Measure one encoder on a list of targets with chosen evaluators; its features are computed once per target."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

import torch
from torch import nn

from episodes import ImageSet
from metaclr.adaptation.fine_tune import FineTune
from metaclr.adaptation.procedure import Procedure
from metaclr.device import device_of
from metaclr.engine.precision import dtype_for
from metaclr.engine.settings import Precision
from metaclr.errors import UserError
from metaclr.evaluation.evaluator import Evaluator
from metaclr.evaluation.evaluators import evaluators as all_evaluators
from metaclr.evaluation.evaluators import get
from metaclr.evaluation.evaluators.few_shot import FewShot
from metaclr.evaluation.features import features, protocol_of
from metaclr.evaluation.measurement import Measurement, join
from metaclr.evaluation.pairing import Pairing
from metaclr.evaluation.target import Embedded, Target
from metaclr.heads.source_statistics import SourceFeatures

EVALUATORS = tuple(all_evaluators())
"""Names of all evaluators, in the order of the tables."""


def transfer(
    encoder: nn.Module,
    targets: Target | Sequence[Target],
    evaluators: Sequence[str | Evaluator] = EVALUATORS,
    *,
    device: torch.device | str | None = None,
    heads: Sequence[str] = ("cosine",),
    fine_tune: FineTune | None = None,
    source: ImageSet | None = None,
    procedure: Procedure | None = None,
    pairing: Pairing | None = None,
    transductive_bn: bool = False,
    precision: Precision = "fp32",
) -> list[Measurement]:
    """Measure one encoder on every target, which must have the size and channels that it takes (`make_target`).

    Args:
        evaluators: names in `EVALUATORS`, or `Evaluator` values, in the order of the results within a target.
        heads: of the few-shot evaluator. fine_tune: settings of the end-to-end low-label evaluator.
        source: images that were trained on, for evaluators that need their features.
        procedure: what the head "method" stands for; default is cosine prototypes.
        pairing: of an encoder that was trained with texts, for zero-shot classification and retrieval.
        transductive_bn, precision: of the features; recorded in every protocol.

    Raises:
        UserError: an unknown evaluator or head, a missing source, or what an evaluator itself refuses.
    """
    chosen = [get(e) if isinstance(e, str) else e for e in evaluators]
    settings: dict[str, Any] = {"few-shot": FewShot(tuple(heads)), "low-label finetune": fine_tune or FineTune()}
    pairs = [(evaluator, settings.get(evaluator.name, evaluator.settings)) for evaluator in chosen]
    options: dict[str, Any] = {"transductive_bn": transductive_bn, "precision": precision}
    source_features = embed_source(encoder, source, pairs, device, **options)
    results: list[Measurement] = []
    for target in [targets] if isinstance(targets, Target) else targets:
        embedded = embed(
            encoder, target, device, source=source_features, procedure=procedure, pairing=pairing, **options
        )
        for evaluator, value in pairs:
            results += [measurement for item in evaluator.items(embedded, value) for measurement in item()]
    return results


def embed(
    encoder: nn.Module,
    target: Target,
    device: torch.device | str | None = None,
    *,
    transductive_bn: bool = False,
    precision: Precision = "fp32",
    shared: bool = False,
    source: SourceFeatures | None = None,
    procedure: Procedure | None = None,
    pairing: Pairing | None = None,
) -> Embedded:
    """Compute the features of all images of a target once, with the protocol that describes them.

    shared: as for `features`. source (of `embed_source`), procedure, pairing: passed on to the evaluators.
    """
    at = device_of(encoder) if device is None else torch.device(device)
    computed = dtype_for(encoder, precision, at)
    rows = features(encoder, target.images, at, transductive_bn=transductive_bn, precision=precision, shared=shared)
    protocol = join(
        protocol_of(computed, transductive_bn=transductive_bn),
        images=target.images_fingerprint[:16],
    )
    return Embedded(encoder, target, rows, protocol, source, procedure, pairing)


def embed_source(
    encoder: nn.Module,
    source: ImageSet | None,
    evaluators: Sequence[tuple[Evaluator, Any]],
    device: torch.device | str | None = None,
    *,
    transductive_bn: bool = False,
    precision: Precision = "fp32",
    shared: bool = False,
) -> SourceFeatures | None:
    """Features and labels of the images that were trained on, if an evaluator needs them with its settings; else None.

    Raises:
        UserError: an evaluator needs them, and there is no source (an encoder that was trained elsewhere).
    """
    needing = [evaluator.name for evaluator, settings in evaluators if evaluator.needs_source_features(settings)]
    if not needing:
        return None
    if source is None:
        raise UserError(f"evaluator {needing[0]!r} needs the images that the encoder was trained on; pass a source")
    rows = features(encoder, source, device, transductive_bn=transductive_bn, precision=precision, shared=shared)
    return SourceFeatures(rows, source.labels)
