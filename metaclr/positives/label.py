"""Images of one class: the views of a way are different images with one label."""

from __future__ import annotations

from dataclasses import dataclass, replace
from typing import TYPE_CHECKING, ClassVar

from metaclr.bridge import Cluster, given
from metaclr.positives.objective_labels import check_axis, with_axis
from metaclr.positives.source import Positives

if TYPE_CHECKING:
    from metaclr.methods.method import Method


@dataclass(frozen=True)
class Label(Positives):
    """No settings. A method that sees labels keeps its tasks; another one takes classes as ways."""

    summary: ClassVar[str] = "images of one labelled class"
    reference: ClassVar[str] = "Khosla et al. 2020, arXiv:2004.11362; Snell et al. 2017, arXiv:1703.05175"

    def method(self, method: Method) -> Method:
        """Ways are labelled classes, unless the method reads labels by itself."""
        return of_classes(method, "label")


def of_classes(method: Method, source: str) -> Method:
    """The method with labelled classes as its ways, or as the labels that it reads.

    Raises:
        UserError: a control, or an objective that chooses its own positives.
    """
    check_axis(method, source)
    if method.labels == "given":
        return method
    objective = with_axis(method.objective, Cluster, given) or method.objective
    way_type = "classes" if method.labels == "instance" else method.way_type
    return replace(method, way_type=way_type, labels="given", clusters=None, objective=objective)


SOURCE = Label
