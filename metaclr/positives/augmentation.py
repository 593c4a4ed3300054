"""Views of one image: the views of a way are augmentations of it, whatever labels there are."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING, ClassVar

from metaclr.positives.objective_labels import of_instances
from metaclr.positives.source import Positives

if TYPE_CHECKING:
    from metaclr.methods.method import Method


@dataclass(frozen=True)
class Augmentation(Positives):
    """No settings: the view recipe says what an augmentation is."""

    summary: ClassVar[str] = "random views of one image"
    reference: ClassVar[str] = "Chen et al. 2020, arXiv:2002.05709"

    def method(self, method: Method) -> Method:
        """Ways are images, each a class of its own."""
        return of_instances(method, "augmentation")


SOURCE = Augmentation
