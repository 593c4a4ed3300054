"""Which images of a target a probe is fitted on and evaluated on: its own parts, or random halves of each class."""

from __future__ import annotations

from dataclasses import dataclass
from hashlib import sha256

import torch
from torch import Tensor

from episodes import ImageSet, train_test_indices

FITTED = ("train", "trainval", "gallery", "support")
"""Parts that probes are fitted on: the first that shares classes with the evaluated part."""

EVALUATED = ("test", "query")
"""Parts that probes are evaluated on: the first that shares classes with a fitted one."""

_NAMED = 5  # classes in a note


@dataclass(frozen=True, eq=False)
class TargetSplit:
    """Indices of the images to fit on and to evaluate on, int64, sorted; where they come from; notes for the reader.

    origin: "parts train and test", or "random halves" (of all images, or of one part).
    """

    train: Tensor
    test: Tensor
    origin: str
    notes: tuple[str, ...] = ()

    @property
    def digest(self) -> str:
        """16 hexadecimal digits of the SHA-256 of both lists of indices."""
        content = sha256()
        for index in (self.train, self.test):
            content.update(str(len(index)).encode() + b":" + index.cpu().contiguous().numpy().tobytes())
        return content.hexdigest()[:16]

    def __str__(self) -> str:
        """For a protocol: the origin and the digest."""
        return f"{self.origin} {self.digest}"


def target_split(images: ImageSet, seed: int) -> TargetSplit:
    """The set's own parts where two of them share at least two classes, restricted to those; else random halves.

    Part `val` is neither fitted nor evaluated on beside others. Halves are drawn of the evaluated part if the set has
    one, else of the part that is fitted on, else of all images, so that no image of a part to fit on is evaluated on.

    Raises:
        EpisodeError: no labels, or a class with fewer than 2 images where halves are drawn.
    """
    parts = tuple(dict.fromkeys(images.split))
    for evaluated in EVALUATED:
        for fitted in FITTED:
            if evaluated in parts and fitted in parts:
                own = _own(images, fitted, evaluated)
                if own is not None:
                    return own
    if not parts:
        return TargetSplit(*train_test_indices(images, seed), "random halves")
    return _halves(images, parts, seed)


def _own(images: ImageSet, fitted: str, evaluated: str) -> TargetSplit | None:
    """The images of two parts whose class is in both; None where fewer than two classes are."""
    labels = images.required_labels()
    inside = [torch.tensor([part == name for part in images.split]) for name in (fitted, evaluated)]
    held = [torch.bincount(labels[rows], minlength=images.classes) > 0 for rows in inside]
    shared = held[0] & held[1]
    if int(shared.sum()) < 2:
        return None
    train, test = ((rows & shared[labels]).nonzero().flatten() for rows in inside)
    note = (
        f"probes are fitted on part {fitted} ({len(train):,} images) and evaluated on part {evaluated} ({len(test):,})"
    )
    others = [part for part in dict.fromkeys(images.split) if part not in (fitted, evaluated)]
    if others:
        note += f"; {', '.join(others)} {'is' if len(others) == 1 else 'are'} not used by them"
    notes = [note]
    for name, mine, other in ((fitted, held[0], held[1]), (evaluated, held[1], held[0])):
        alone = (mine & ~other).nonzero().flatten().tolist()
        if alone:
            notes.append(
                f"probes leave out {len(alone)} classes that are in part {name} alone: {_named(images, alone)}"
            )
    return TargetSplit(train, test, f"parts {fitted} and {evaluated}", tuple(notes))


def _halves(images: ImageSet, parts: tuple[str, ...], seed: int) -> TargetSplit:
    chosen = next((part for part in (*EVALUATED, *FITTED) if part in parts and len(parts) > 1), None)
    has_both = any(part in parts for part in EVALUATED) and any(part in parts for part in FITTED)
    if chosen is None or (has_both and _is_split_by_class(images)):
        rows, of = torch.arange(len(images)), "all images"
    else:
        rows, of = torch.tensor([part == chosen for part in images.split]).nonzero().flatten(), f"part {chosen}"
    if has_both:
        why = "its parts to fit on and to evaluate on share fewer than 2 classes"
    else:
        why = f"it has no two parts to fit and to evaluate on ({', '.join(parts)})"
    train, test = train_test_indices(images.select(rows).with_at_least(1).without_split(), seed)
    notes = (f"{why}: probes are fitted on a random half of each class of {of}, and evaluated on the other",)
    origin = "random halves" if of == "all images" else f"random halves of {of}"
    return TargetSplit(rows[train], rows[test], origin, notes)


def _is_split_by_class(images: ImageSet) -> bool:
    """Whether no class has images in two parts, as in few-shot learning: then every part may be evaluated on."""
    found: dict[int, str] = {}
    labels = images.required_labels().tolist()
    return all(found.setdefault(label, part) == part for label, part in zip(labels, images.split, strict=True))


def _named(images: ImageSet, classes: list[int]) -> str:
    names = ", ".join(images.class_name(label) for label in classes[:_NAMED])
    return f"{names}{', ...' if len(classes) > _NAMED else ''}"
