"""Few-shot accuracy over stored episodes, by several heads."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from functools import partial
from typing import Any

from torch import nn

from metaclr.adaptation.adapted_encoder import AdaptedEncoder
from metaclr.adaptation.frozen import FrozenEncoder
from metaclr.errors import UserError
from metaclr.evaluation.evaluator import Evaluator, WorkItem
from metaclr.evaluation.few_shot import METHOD, few_shot, few_shot_of_procedure
from metaclr.evaluation.measurement import Measurement
from metaclr.evaluation.target import Embedded
from metaclr.heads.head import Head
from metaclr.heads.registry import get_head
from metaclr.meta.adam_rule import AdamRule

WHOLE = "prototune_encoder"
"""The name, among the heads of a recipe, of fine-tuning the whole encoder on every episode."""


@dataclass(frozen=True)
class FewShot:
    """heads: names that `metaclr.heads.get_head` takes, and "method" for the method's own test-time procedure.

    Each is a block of the tables. An encoder without a procedure of its own (a control, or one trained elsewhere) is
    measured by cosine prototypes under "method".

    Raises:
        UserError: an unknown head, none, or one named twice.
    """

    heads: tuple[str, ...] = ("cosine", METHOD)

    def __post_init__(self) -> None:
        if not self.heads or len(set(self.heads)) < len(self.heads):
            raise UserError(f"few-shot heads = {list(self.heads)}: name at least one, and each once")
        for head in self.heads:
            if head not in (METHOD, WHOLE):
                get_head(head)

    @property
    def needs_source(self) -> bool:
        """Whether one of the heads needs the features of the source."""
        return any(get_head(head).needs_source for head in self.heads if head not in (METHOD, WHOLE))


def work_items(embedded: Embedded, settings: FewShot) -> list[WorkItem]:
    """One item per head and episode table."""
    return [
        partial(_measure, embedded, head, number)
        for head in settings.heads
        for number in range(len(embedded.target.tables))
    ]


def _measure(embedded: Embedded, head: str, number: int) -> list[Measurement]:
    target, table = embedded.target, embedded.target.tables[number]
    options: dict[str, Any] = {"target": target.name, "protocol": embedded.protocol}
    if head == WHOLE:
        tuned = fine_tuned_encoder(embedded.encoder)
        return few_shot_of_procedure(tuned, embedded.features, target.images, table, name=WHOLE, **options)
    if head != METHOD:
        labels, origins = target.images.required_labels(), target.images.class_origins()
        return few_shot(embedded.features, table, labels, head=head, source=embedded.source, origins=origins, **options)
    procedure = embedded.procedure or default_procedure()
    return few_shot_of_procedure(procedure, embedded.features, target.images, table, **options)


def fine_tuned_encoder(encoder: nn.Module) -> AdaptedEncoder:
    """ProtoTune of encoder and head: from squared Euclidean prototypes, 15 steps on the whole support (Medina et al.).

    Running batch-norm statistics, since a few images estimate none; Adam's rate is theirs, without its momentum.
    """
    return AdaptedEncoder(encoder, None, lr=1e-3, steps=15, statistics="running", rule=AdamRule)


def default_procedure() -> FrozenEncoder:
    """Cosine prototypes of the encoder's features."""
    cosine = get_head("cosine")
    assert isinstance(cosine.head, Head)
    return FrozenEncoder(cosine.head, cosine.transform, cosine.description)


def _recipe_settings(recipe: Mapping[str, Any]) -> Mapping[str, Any] | None:
    few = recipe.get("few_shot")
    return {"heads": tuple(few["heads"])} if few else None


EVALUATOR = Evaluator(
    name="few-shot",
    family="few-shot",
    summary="accuracy over stored N-way K-shot episodes, by heads on frozen features and by the method's own procedure",
    settings=FewShot(),
    work_items=work_items,
    recipe_settings=_recipe_settings,
    needs_source_features=lambda settings: settings.needs_source,
)
