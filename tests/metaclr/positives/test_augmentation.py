"""`augmentation`: whatever a method reads, its ways become images, each a class of its own."""

from __future__ import annotations

from metaclr import methods
from metaclr.positives.augmentation import Augmentation


def test_protonet_becomes_protoclr_on_other_views() -> None:
    changed = Augmentation().method(methods.get("protonet"))
    assert {axis for axis, _, _ in methods.diff(changed, "protoclr")} == {"views", "support_views"}


def test_word_and_axis_labels_are_replaced() -> None:
    assert Augmentation().method(methods.get("triplet")).objective.labels == "instance"  # type: ignore[attr-defined]
    assert ("labels", "given", "instance") in methods.diff("supcon", Augmentation().method(methods.get("supcon")))
    assert ("labels", "cluster", "instance") in methods.diff("cactus", Augmentation().method(methods.get("cactus")))
