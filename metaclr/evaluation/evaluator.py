"""What an evaluator declares: its name, its settings, what it needs, and its work on one target."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from dataclasses import dataclass, fields, replace
from typing import TYPE_CHECKING, Any

from metaclr.errors import UserError, unknown
from metaclr.evaluation.measurement import Measurement

if TYPE_CHECKING:
    from metaclr.evaluation.target import Embedded

WorkItem = Callable[[], list[Measurement]]
"""A part of an evaluator's work on one target; items run on any rank, in any order."""


@dataclass(frozen=True)
class Evaluator:
    """One way to measure an encoder. Its file in `metaclr/evaluation/evaluators/` holds it as `EVALUATOR`.

    Raises:
        UserError: a name that does not start with its family, which is how tables group columns.
    """

    name: str
    """As in rows.csv: "knn", "low-label frozen"."""
    family: str
    """The block of the tables; `name` is the family, or the family, a space and a variant."""
    summary: str
    """One line: what is measured and how."""
    settings: Any
    """A frozen dataclass with its default settings."""
    work_items: Callable[[Embedded, Any], list[WorkItem]]
    """(target as the encoder embeds it, settings) -> work; empty where the target or the encoder cannot give any."""
    recipe_settings: Callable[[Mapping[str, Any]], Mapping[str, Any] | None] | None = None
    """Reads its settings from a recipe's `evaluate` table; None switches it off. Default: `evaluate.more`, by name."""
    needs_source_features: Callable[[Any], bool] = lambda _: False
    """Whether, with these settings, `Embedded.source` must hold features and labels of the images trained on."""

    needs_labels: bool = True
    """Whether it measures nothing on a target without labels."""

    def __post_init__(self) -> None:
        if self.name != self.family and not self.name.startswith(f"{self.family} "):
            raise UserError(f"evaluator {self.name!r}: its name must start with its family {self.family!r}")

    def configure(self, values: Mapping[str, Any]) -> Any:
        """The default settings with some values replaced.

        Raises:
            UserError: an unknown setting, or a value that the settings refuse.
        """
        known = [field.name for field in fields(self.settings)]
        for key in values:
            if key not in known:
                raise unknown(f"setting of the {self.name} evaluator", key, known)
        return replace(self.settings, **values)

    def items(self, embedded: Embedded, settings: Any) -> list[WorkItem]:
        """Its work on one target; none where it needs labels, and the target has only captions."""
        if self.needs_labels and embedded.target.images.labels is None:
            return []
        return self.work_items(embedded, settings)

    def settings_in(self, recipe: Mapping[str, Any]) -> Any:
        """Its settings in a recipe's `evaluate` table, or None where the recipe leaves it out.

        Raises:
            UserError: as `configure`.
        """
        read = self.recipe_settings or (lambda table: table.get("more", {}).get(self.name))
        values = read(recipe)
        return None if values is None else self.configure(values)
