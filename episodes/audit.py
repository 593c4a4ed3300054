"""Leaks: classes or pixels that training and evaluation share, support that meets its query."""

from __future__ import annotations

from dataclasses import dataclass, field
from hashlib import blake2b

import torch
from torch import Tensor

from episodes.errors import EpisodeError
from episodes.image_set import ImageSet
from episodes.task import EpisodeTable


@dataclass(frozen=True)
class AuditReport:
    """What a source and a target share. `clean` where they share neither a class name nor an image."""

    source: str
    target: str
    source_images: int
    target_images: int
    shared_classes: tuple[str, ...] = ()
    shared_images: Tensor = field(default_factory=lambda: torch.empty(0, dtype=torch.int64))
    """Indices of the target's images whose pixels are in the source, too."""
    repeated_images: int = 0
    """Images of the target whose pixels are those of an earlier image of the target."""

    @property
    def clean(self) -> bool:
        """No class and no image in common."""
        return not self.shared_classes and not len(self.shared_images)

    def lines(self) -> list[str]:
        """What a reader should know, one line each."""
        said = [
            f"{self.source} ({self.source_images:,} images) and {self.target} ({self.target_images:,} images): "
            f"{len(self.shared_classes)} classes and {len(self.shared_images)} images in common"
        ]
        if self.shared_classes:
            some = ", ".join(self.shared_classes[:5])
            said.append(f"shared classes: {some}{', ...' if len(self.shared_classes) > 5 else ''}")
        if self.repeated_images:
            said.append(f"{self.target}: {self.repeated_images} images repeat another one of its own")
        return said


def audit(source: ImageSet, target: ImageSet) -> AuditReport:
    """Compare training and evaluation data by class name and by the hash of every image's pixels.

    Images of different sizes never have equal pixels; bring both to one size first.
    """
    ours, theirs = image_hashes(source), image_hashes(target)
    known = set(ours)
    shared = [i for i, digest in enumerate(theirs) if digest in known]
    return AuditReport(
        source.name,
        target.name,
        len(source),
        len(target),
        tuple(sorted(set(source.class_names) & set(target.class_names))),
        torch.tensor(shared, dtype=torch.int64),
        len(theirs) - len(set(theirs)),
    )


def image_hashes(image_set: ImageSet) -> list[bytes]:
    """A 128-bit BLAKE2b of the pixels (and their shape) of each image."""
    pixels = image_set.images.cpu().contiguous().numpy()
    person = repr(pixels.shape[1:]).encode()[:16]
    return [blake2b(image.data, digest_size=16, person=person).digest() for image in pixels]


def without_leaks(target: ImageSet, report: AuditReport) -> ImageSet:
    """The target without the images that the source has, and without classes left empty.

    Raises:
        EpisodeError: nothing would be left.
    """
    keep = torch.ones(len(target), dtype=torch.bool)
    keep[report.shared_images] = False
    if not keep.any():
        raise EpisodeError(f"{target.name}: every image of it is in {report.source}, too")
    kept = target.select(keep.nonzero().flatten())
    return kept if kept.labels is None else kept.with_at_least(1)


def check_table(table: EpisodeTable, image_set: ImageSet) -> None:
    """Refuse a table whose support meets its query, by index or by pixels, or that has a class twice in a task.

    Raises:
        EpisodeError: naming the first such episode.
    """
    labels = image_set.required_labels()
    rows = torch.cat([table.support, table.query], dim=2)  # (E, N, K + Q)
    classes = labels[rows]
    _refuse(bool_any(classes != classes[..., :1]), "mixes classes in one way")
    ways = classes[..., 0].sort(dim=1).values
    _refuse(bool_any(ways[:, 1:] == ways[:, :-1]), "has a class twice")
    number: dict[bytes, int] = {}
    content = torch.tensor([number.setdefault(digest, len(number)) for digest in image_hashes(image_set)])
    for kind, ids in (("the same image", rows), ("the same pixels", content[rows])):
        support = ids[:, :, : table.support.shape[2]].flatten(1).unsqueeze(2)
        query = ids[:, :, table.support.shape[2] :].flatten(1).unsqueeze(1)
        _refuse(bool_any(support == query), f"has {kind} in support and query")


def bool_any(mask: Tensor) -> Tensor:
    """(E,) whether anything of each episode is set in a mask (E, ...)."""
    return mask.flatten(1).any(1)


def _refuse(bad: Tensor, what: str) -> None:
    if bool(bad.any()):
        raise EpisodeError(f"episode {int(bad.nonzero()[0])} {what}")
