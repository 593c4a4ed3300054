"""What a table says of the split of a target: which parts were used, and images that both sides have."""

from __future__ import annotations

from typing import TYPE_CHECKING

from episodes import audit

if TYPE_CHECKING:
    from metaclr.evaluation import Target


def split_remarks(target: Target) -> list[str]:
    """Notes on the target's split; on parts that few-shot episodes mix; on test images that are fitted on, too."""
    name, images = target.name, target.images
    remarks = [f"{name}: {note}" for note in target.split.notes]
    parts = tuple(dict.fromkeys(images.split))
    if len(parts) > 1 and target.tables:
        remarks.append(
            f"{name}: few-shot episodes draw on all its parts ({', '.join(parts)}); {name}:PART draws on one"
        )
    report = audit(images.select(target.train), images.select(target.test))
    if len(report.shared_images):
        near = f", {len(report.near_images):,} of them near copies" if len(report.near_images) else ""
        remarks.append(
            f"{name}: {len(report.shared_images):,} of {len(target.test):,} images that probes are tested on are among"
            f" those that they are fitted on{near}; metaclr data check lists them"
        )
    return remarks
