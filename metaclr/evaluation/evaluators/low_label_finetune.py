"""A few labels, end to end: a copy of the encoder fine-tuned on each stored label subset."""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence
from functools import partial
from typing import Any

import torch
from torch import Tensor, nn

from episodes import ImageSet
from metaclr.adaptation.fine_tune import FineTune, FineTuned, fine_tune
from metaclr.adaptation.stacked import fine_tune_stacked, should_stack
from metaclr.device import device_of
from metaclr.engine.precision import NAMES, dtype_for
from metaclr.evaluation.evaluator import Evaluator, WorkItem
from metaclr.evaluation.features import features
from metaclr.evaluation.label_subsets import check_subsets, low_label_probes, subsets_digest
from metaclr.evaluation.linear_probe import Probe
from metaclr.evaluation.measurement import Measurement, from_subsets, join
from metaclr.evaluation.target import Embedded
from metaclr.evaluation.train_test_features import check_features


def low_label_finetune(
    encoder: nn.Module,
    train: ImageSet,
    test: ImageSet,
    subsets: Sequence[Tensor],
    *,
    target: str,
    labels: str,
    settings: FineTune | None = None,
    probes: Sequence[Probe] | None = None,
    seed: int = 0,
    protocol: str = "",
) -> list[Measurement]:
    """Measure a copy of the encoder fine-tuned end to end on each subset: mean test accuracy over subsets.

    Args:
        train, test: the two parts of the target. subsets, labels: as for `low_label_frozen`.
        probes: `low_label_probes` of the encoder's features, if they are fitted already.
        seed: of the order in which images are shown. The encoder itself is not changed.

    Raises:
        EpisodeError: a part without labels. UserError: as `low_label_frozen`.
    """
    chosen, device = settings or FineTune(), device_of(encoder)
    y, y_test = train.required_labels().to(device), test.required_labels().to(device)
    labelled = [_renumber(y[subset.to(device)], y_test) for subset in check_subsets(subsets, len(train))]
    probes = probes or [_probe(encoder, train.select(subset).to(device)) for subset in subsets]
    heads = [(probe.weight, probe.bias) for probe in probes]
    seeds = [seed * 1009 + number for number in range(len(subsets))]
    every: Iterable[FineTuned]
    if should_stack(encoder, heads, [len(subset) for subset in subsets], chosen, train.images.shape[1:]):
        few = [train.select(subset).to(device) for subset in subsets]
        every = fine_tune_stacked(encoder, heads, few, [pair[0] for pair in labelled], chosen, seeds)
    else:  # one at a time, so that one copy of the encoder and one subset are in memory
        every = (
            fine_tune(encoder, head, train.select(subset).to(device), pair[0], chosen, seed=number)
            for head, subset, pair, number in zip(heads, subsets, labelled, seeds, strict=True)
        )
    correct = []
    for (tuned, head), (_, y_renumbered) in zip(every, labelled, strict=True):
        logits = head(features(tuned, test, device, precision=chosen.precision))
        correct.append(logits.argmax(1) == y_renumbered)
    way = probes[-1].bias.numel()
    protocol = join(protocol, labels=subsets_digest(subsets))
    protocol += f"; {describe(chosen, dtype_for(encoder, chosen.precision, device))}"
    stacked = torch.stack(correct)
    return [from_subsets("low-label finetune", stacked, target=target, way=way, labels=labels, protocol=protocol)]


def describe(settings: FineTune, computed: torch.dtype) -> str:
    """Fine-tuning settings, and the dtype the encoder is computed in, as a protocol string."""
    return join(
        optimizer="Adam, cosine",
        steps=settings.steps,
        batch=settings.batch,
        lr=settings.lr,
        head_lr=settings.head_lr or settings.lr,
        weight_decay=settings.weight_decay,
        precision=NAMES[computed],
        augmentation="none" if settings.views is None else "random views",
        bn="frozen statistics" if settings.frozen_statistics else "trained statistics",
        head="linear, starts as the frozen probe",
    )


def _probe(encoder: nn.Module, labelled: ImageSet) -> Probe:
    x = features(encoder, labelled)
    return low_label_probes(x, labelled.required_labels(), [torch.arange(len(labelled))])[0]


def _renumber(y: Tensor, y_test: Tensor) -> tuple[Tensor, Tensor]:
    """Labels of a subset and of the test part as `check_features` numbers them."""
    data = check_features(y.new_zeros(len(y), 0), y, y.new_zeros(len(y_test), 0), y_test)
    return data.y, data.y_test


def work_items(embedded: Embedded, settings: FineTune) -> list[WorkItem]:
    """One item per name of label subsets; none for an encoder without parameters (the pixels control)."""
    if not any(True for _ in embedded.encoder.parameters()):
        return []
    return [partial(_measure, embedded, labels, subsets, settings) for labels, subsets in embedded.target.subsets]


def _measure(embedded: Embedded, labels: str, subsets: Sequence[Tensor], settings: FineTune) -> list[Measurement]:
    return low_label_finetune(
        embedded.encoder,
        *embedded.image_parts,
        subsets,
        target=embedded.target.name,
        labels=labels,
        settings=settings,
        probes=embedded.probes(labels),
        protocol=join(images=embedded.target.images_fingerprint[:16], split=embedded.target.split),
    )


def _recipe_settings(recipe: Mapping[str, Any]) -> Mapping[str, Any] | None:
    low = recipe.get("low_label")
    if not low or "finetune" not in low["modes"]:
        return None
    return {key: low[key] for key in ("steps", "batch", "lr", "stacked")}


EVALUATOR = Evaluator(
    name="low-label finetune",
    family="low-label",
    summary="accuracy on test images after fine-tuning the encoder end to end on a few labels",
    settings=FineTune(),
    work_items=work_items,
    recipe_settings=_recipe_settings,
)
