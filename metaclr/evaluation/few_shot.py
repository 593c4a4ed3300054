"""Few-shot accuracy over the episodes of a stored table, by a head on cached features."""

from __future__ import annotations

from collections.abc import Iterable, Sequence

import torch
from torch import Tensor

from episodes import EpisodeTable, ImageSet
from metaclr.adaptation.frozen import episode_logits
from metaclr.adaptation.procedure import Procedure
from metaclr.errors import UserError
from metaclr.evaluation.measurement import Measurement, from_episodes, join
from metaclr.evaluation.second_best import without_each_way
from metaclr.heads.head import Head
from metaclr.heads.matching import Matching
from metaclr.heads.nearest_neighbor import NearestNeighbor
from metaclr.heads.prototypes import Prototypes
from metaclr.heads.registry import get_head
from metaclr.heads.source_statistics import SourceFeatures

METHOD = "method"
"""The name, among the heads of a recipe, of each method's own test-time procedure."""


def few_shot(
    features: Tensor,
    tables: EpisodeTable | Sequence[EpisodeTable],
    labels: Tensor,
    *,
    target: str,
    head: str = "cosine",
    source: SourceFeatures | None = None,
    origins: Tensor | None = None,
    protocol: str = "",
) -> list[Measurement]:
    """Measure accuracy over the episodes of each table, with an interval for new classes and one over episodes.

    Args:
        features: (M, F) of every image of the set that the tables index. labels: (M,) int64, their classes.
        head: a name that `metaclr.heads.get_head` takes. source: features of the source's images, if it needs them.
        origins: (classes,) int64, what each class is a copy of (`ImageSet.class_origins`); None: no class is a copy.
        protocol: how the features were computed (`features.protocol_of`).

    Raises:
        UserError: an unknown head, no source although the head needs it, labels of other images, or a table that does
            not fit the features.
    """
    if features.ndim != 2:
        raise UserError(f"features must be (M, F), not {tuple(features.shape)}")
    if labels.shape != features.shape[:1]:
        raise UserError(f"{tuple(labels.shape)} labels for features of {len(features)} images")
    chosen = get_head(head)
    rows, classifier = chosen.prepare(features, source)
    name = few_shot_name(head, transductive=chosen.transductive)
    results = []
    for table in [tables] if isinstance(tables, EpisodeTable) else tables:
        accuracies, without = _accuracies_of(episode_logits(rows, table, classifier), table, labels, classifier)
        results.append(
            measurement(
                name,
                chosen.description,
                accuracies,
                table,
                labels,
                without=without,
                origins=origins,
                target=target,
                protocol=protocol,
            )
        )
    return results


def few_shot_of_procedure(
    procedure: Procedure,
    features: Tensor,
    images: ImageSet,
    table: EpisodeTable,
    *,
    target: str,
    protocol: str = "",
    name: str = METHOD,
) -> list[Measurement]:
    """Measure accuracy over the episodes of a table by a method's own test-time procedure, or by one of another name.

    features: (M, F) of the encoder as it was trained, images: the M images; a procedure uses one or both.
    """
    labels = images.required_labels()
    parts = procedure.episode_logits(features, images, table)
    accuracies, without = _accuracies_of(parts, table, labels, getattr(procedure, "head", None))
    name = few_shot_name(name, transductive=procedure.transductive)
    return [
        measurement(
            name,
            procedure.description,
            accuracies,
            table,
            labels,
            without=without,
            origins=images.class_origins(),
            target=target,
            protocol=protocol,
        )
    ]


@torch.inference_mode()
def _accuracies_of(
    parts: Iterable[Tensor], table: EpisodeTable, labels: Tensor, head: object
) -> tuple[Tensor, Tensor | None]:
    """Accuracies (E,) from logits (e, N Q, N) of some episodes each, and accuracies without each way or None.

    Those (E, N) are there where a task uses all classes and the head scores every way by its own support alone, so that
    the other scores stand when a way goes.
    """
    whole = 1 < table.shape.way >= len(torch.unique(episode_classes(table, labels)))
    separate = whole and isinstance(head, Prototypes | NearestNeighbor | Matching)
    accuracies, without = [], []
    for logits in parts:
        accuracies.append(_accuracies(logits))
        if separate:
            without.append(_without(logits))
    return torch.cat(accuracies).cpu(), torch.cat(without).cpu() if without else None


def episode_classes(table: EpisodeTable, labels: Tensor) -> Tensor:
    """Class of every way of every episode, int64 (E, N), from the labels (M,) of the images.

    Raises:
        UserError: labels of fewer images than the table indexes.
    """
    first = table.support[:, :, 0].cpu()
    if len(first) and int(first.max()) >= len(labels):
        raise UserError(
            f"the episodes index image {int(first.max())}, but there are {len(labels)} features: pass those of their "
            "image set"
        )
    return labels.cpu()[first]


def measurement(
    evaluator: str,
    head: str,
    accuracies: Tensor,
    table: EpisodeTable,
    labels: Tensor,
    *,
    without: Tensor | None = None,
    origins: Tensor | None = None,
    target: str,
    protocol: str,
) -> Measurement:
    """The measurement of one table from per-episode accuracies (E,) in 0..1. head: its description.

    labels: (M,) of the images. without: (E, N), see `Measurement`. origins: (classes,), see `few_shot`.
    """
    shape = table.shape
    details = join(
        protocol,
        head=head,
        query=shape.query,
        episodes=len(table),
        pool_classes=len(torch.unique(labels)),
        pool_images=len(labels),
        **_pool_origins(labels, origins),
        digest=table.digest[:16],
    )
    classes = episode_classes(table, labels)
    if origins is not None:
        classes = origins[classes]
    return from_episodes(
        evaluator, accuracies, classes, without=without, target=target, shot=shape.shot, protocol=details
    )


def _pool_origins(labels: Tensor, origins: Tensor | None) -> dict[str, int]:
    """{"pool_origins": how many distinct items the classes are copies of}; {} where no class is a copy."""
    if origins is None:
        return {}
    classes = torch.unique(labels.cpu())
    count = len(torch.unique(origins[classes]))
    return {"pool_origins": count} if count < len(classes) else {}


def few_shot_name(head: str, *, transductive: bool = False) -> str:
    """Name in rows: "few-shot" for the cosine head, which all encoders have in common; a transductive one is marked.

    >>> few_shot_name("cosine"), few_shot_name("tim", transductive=True)
    ('few-shot', 'few-shot tim, transductive')
    """
    return "few-shot" if head == "cosine" else f"few-shot {head}" + (", transductive" if transductive else "")


def episode_accuracies(
    features: Tensor,
    table: EpisodeTable,
    *,
    head: str = "cosine",
    source: SourceFeatures | None = None,
    chunk: int | None = None,
) -> Tensor:
    """Accuracy of every episode in 0..1: float32 (E,) on the CPU.

    Args:
        features: (M, F). head, source: as for `few_shot`.
        chunk: episodes per batch; default is what fits the cache. The result does not depend on it.

    The first of ways with equal logits is predicted, so that a collapsed encoder is at chance, not above it.
    """
    if features.ndim != 2:
        raise UserError(f"features must be (M, F), not {tuple(features.shape)}")
    with torch.inference_mode():
        rows, classifier = get_head(head).prepare(features, source)
    return head_accuracies(rows, table, classifier, chunk=chunk)


@torch.inference_mode()
def accuracies_without_each_way(
    features: Tensor, table: EpisodeTable, *, head: str = "cosine", chunk: int | None = None
) -> Tensor:
    """Accuracy of every episode when way j is not a possible answer, on the other ways' queries: float32 (E, N).

    Exact for heads that score every way by its own support alone (prototypes, matching, nearest neighbor). Arguments
    as in `episode_accuracies`; needs 2 ways or more.
    """
    rows, classifier = get_head(head).prepare(features)
    return torch.cat([_without(logits) for logits in episode_logits(rows, table, classifier, chunk)]).cpu()


def _without(logits: Tensor) -> Tensor:
    """(e, N) from logits (e, N Q, N) of queries sorted by way."""
    way = logits.shape[-1]
    return without_each_way(logits.mT.reshape(len(logits), way, way, -1))


@torch.inference_mode()
def head_accuracies(rows: Tensor, table: EpisodeTable, head: Head, *, chunk: int | None = None) -> Tensor:
    """Accuracy of every episode by a head on the features (M, D) that it takes: float32 (E,) on the CPU."""
    parts = [_accuracies(logits) for logits in episode_logits(rows, table, head, chunk)]
    return torch.cat(parts).cpu()


def _accuracies(logits: Tensor) -> Tensor:
    """Accuracies (e,) from logits (e, N Q, N) of queries sorted by way."""
    way = logits.shape[-1]
    # max(...).indices, not argmax: four times faster over a short axis on a CPU, and the first of equals too.
    predicted = logits.max(-1).indices.view(len(logits), way, -1)
    return (predicted == torch.arange(way, device=predicted.device).view(1, way, 1)).float().mean((1, 2))
