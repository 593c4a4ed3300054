"""Leaks: classes or images that training and evaluation share, support that meets its query."""

from __future__ import annotations

import unicodedata
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass, field
from hashlib import sha256
from os import cpu_count
from weakref import WeakKeyDictionary

import torch
from torch import Tensor

from episodes.errors import EpisodeError
from episodes.image_set import ImageSet
from episodes.near_duplicates import NearCopies, near_copies
from episodes.stored_images import blocks
from episodes.task import Episode, EpisodeTable

_CHUNK = 256  # episodes compared at a time
_NONE = torch.empty(0, dtype=torch.int64)
_hashes: WeakKeyDictionary[ImageSet, list[bytes]] = WeakKeyDictionary()  # each set of a comparison is audited often


@dataclass(frozen=True, eq=False)
class AuditReport:
    """What a source and a target share. `clean` where they share neither a class name nor an image.

    shared_classes: the source's names of classes that the target has, too, whatever the case, blanks and punctuation.
    shared_images: int64 indices of the target's images that the source has, too, with the same pixels or as a near
    copy. near_images: those of them that are near copies (saved again, resized, mirrored); near_sources: the source's
    image of each. repeated_images: how many images of the target have the pixels of an earlier image of the target.
    """

    source: str
    target: str
    source_images: int
    target_images: int
    shared_classes: tuple[str, ...] = ()
    shared_images: Tensor = field(default_factory=lambda: torch.empty(0, dtype=torch.int64))
    repeated_images: int = 0
    near_images: Tensor = field(default_factory=lambda: torch.empty(0, dtype=torch.int64))
    near_sources: Tensor = field(default_factory=lambda: torch.empty(0, dtype=torch.int64))

    @property
    def clean(self) -> bool:
        """No class and no image in common."""
        return not self.shared_classes and not len(self.shared_images)

    def lines(self) -> list[str]:
        """What a reader should know, one line each."""
        found = [
            f"{self.source} ({self.source_images:,} images) and {self.target} ({self.target_images:,} images): "
            f"{len(self.shared_classes)} classes and {len(self.shared_images)} images in common"
        ]
        if len(self.near_images):
            found[0] += f", {len(self.near_images)} of them near copies (saved again, resized or mirrored)"
        if self.shared_classes:
            some = ", ".join(self.shared_classes[:5])
            found.append(f"shared classes: {some}{', ...' if len(self.shared_classes) > 5 else ''}")
        if self.repeated_images:
            found.append(f"{self.target}: {self.repeated_images} images repeat another one of its own")
        return found


def audit(source: ImageSet, target: ImageSet, *, near: bool = True) -> AuditReport:
    """Compare training and evaluation data by class name, by the hash of every image's pixels, and by near copies.

    Images of different sizes or channels never have equal pixels; bring both to one size first.

    near: also look for near copies, with a perceptual hash; images smaller than 16 pixels have none.
    """
    ours, theirs = set(image_hashes(source)), image_hashes(target)
    exact = torch.tensor([digest in ours for digest in theirs])
    copies = near_copies(source, target) if near else NearCopies(_NONE, _NONE)
    only_near = ~exact[copies.target]
    shared = exact.clone()
    shared[copies.target] = True
    named = {_plain(name) for name in target.class_names}
    return AuditReport(
        source=source.name,
        target=target.name,
        source_images=len(source),
        target_images=len(target),
        shared_classes=tuple(sorted({name for name in source.class_names if _plain(name) in named})),
        shared_images=shared.nonzero().flatten(),
        repeated_images=len(theirs) - len(set(theirs)),
        near_images=copies.target[only_near],
        near_sources=copies.source[only_near],
    )


def _plain(name: str) -> str:
    """A class name without case, blanks and punctuation; as it is where it has nothing else."""
    folded = unicodedata.normalize("NFKC", name).casefold()
    return "".join(c for c in folded if c.isalnum()) or folded.strip()


def image_hashes(image_set: ImageSet) -> list[bytes]:
    """Of each image the shape and 128 bits of the SHA-256 of its pixels; computed once per set."""
    known = _hashes.get(image_set)
    if known is None:
        images, shape = image_set.images, repr(tuple(image_set.images.shape[1:])).encode()

        def hashed(rows: slice) -> list[bytes]:
            pixels = images[rows].cpu().contiguous().numpy()
            return [sha256(image.data).digest()[:16] + shape for image in pixels]

        with ThreadPoolExecutor(cpu_count()) as pool:
            known = [digest for some in pool.map(hashed, blocks(images)) for digest in some]
        _hashes[image_set] = known
    return known


def duplicates(image_set: ImageSet) -> Tensor:
    """Sorted int64 indices of the images whose pixels are those of an earlier image of the set."""
    content = _content(image_set)
    return (content != torch.arange(len(image_set))).nonzero().flatten()


def without_leaks(target: ImageSet, report: AuditReport) -> ImageSet:
    """The target without the images that the source has, and without classes left empty.

    Raises:
        EpisodeError: nothing would be left, or the report is about another target.
    """
    if (report.target, report.target_images) != (target.name, len(target)):
        raise EpisodeError(f"the audit is of {report.target} ({report.target_images} images), not of {target.name}")
    if not len(report.shared_images):
        return target
    keep = torch.ones(len(target), dtype=torch.bool)
    keep[report.shared_images] = False
    if not keep.any():
        raise EpisodeError(f"{target.name}: every image of it is in {report.source}, too")
    kept = target.select(keep.nonzero().flatten())
    return kept if kept.labels is None else kept.with_at_least(1)


def check_table(table: EpisodeTable, image_set: ImageSet) -> None:
    """Refuse a table whose support meets its query, by index or by pixels, or that has a class twice in a task.

    Raises:
        EpisodeError: naming the first such episode, or a table of other images.
    """
    if table.fingerprint != image_set.fingerprint():
        raise EpisodeError(f"the table was drawn from other images than {image_set.name}")
    _check_labelled(table.support, table.query, image_set)


def check_episode(episode: Episode, image_set: ImageSet) -> None:
    """Refuse a training batch with a leak inside a task.

    Class ways: as `check_table`. Instance ways (every way is one image): no image, by index or by pixels, in two
    ways of a task, and no view of it twice.

    Raises:
        EpisodeError: naming the first such task.
    """
    images = episode.images.cpu()
    if bool((images != images[..., :1]).any()):
        _check_labelled(episode.support.cpu(), episode.query.cpu(), image_set)
        return
    for kind, ids in (("image", images), ("content", _content(image_set)[images])):
        _refuse(_repeats(ids[..., 0]), f"has the same {kind} in two ways", 0)
    _refuse(_repeats(episode.views.cpu()).any(1), "has the same view of an image twice", 0)


def _check_labelled(support: Tensor, query: Tensor, image_set: ImageSet) -> None:
    labels, content = image_set.required_labels(), _content(image_set)
    for start in range(0, len(support), _CHUNK):
        some, asked = support[start : start + _CHUNK], query[start : start + _CHUNK]
        rows = torch.cat([some, asked], dim=2)  # (E, N, K + Q)
        classes = labels[rows]
        _refuse((classes != classes[..., :1]).flatten(1).any(1), "mixes classes in one way", start)
        _refuse(_repeats(classes[..., 0]), "has a class twice", start)
        _refuse(_repeats(rows.flatten(1)), "has an image twice", start)
        meet = content[some].flatten(1).unsqueeze(2) == content[asked].flatten(1).unsqueeze(1)
        _refuse(meet.flatten(1).any(1), "has the same pixels in support and query", start)


def _content(image_set: ImageSet) -> Tensor:
    """int64 (M,): the first image that has the same pixels as this one."""
    first: dict[bytes, int] = {}
    return torch.tensor([first.setdefault(digest, i) for i, digest in enumerate(image_hashes(image_set))])


def _repeats(ids: Tensor) -> Tensor:
    """Whether anything comes twice along the last axis."""
    ordered = ids.sort(dim=-1).values
    return (ordered[..., 1:] == ordered[..., :-1]).any(-1)


def _refuse(bad: Tensor, what: str, start: int) -> None:
    if bool(bad.any()):
        raise EpisodeError(f"episode {start + int(bad.nonzero()[0])} {what}")
