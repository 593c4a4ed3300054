"""Which images of a target a probe is fitted, chosen and tested on: its own parts, or random halves of each class."""

from __future__ import annotations

from dataclasses import dataclass, field
from hashlib import sha256

import torch
from torch import Tensor

from episodes import ImageSet, train_test_indices

FITTED = ("train", "trainval", "gallery", "support")
"""Parts that probes are fitted on: the first that shares classes with the tested part."""

TESTED = ("test", "query")
"""Parts that probes are tested on: the first that shares classes with a fitted one."""

VALIDATION = "val"
"""The part that the linear probe's penalty is chosen on."""

_NAMED = 5  # classes in a note
_NONE = torch.empty(0, dtype=torch.int64)


@dataclass(frozen=True, eq=False)
class TargetSplit:
    """Indices of the images to fit on and to test on, int64, sorted; where they come from; notes for the reader.

    origin: "parts train and test", or "random halves" (of all images, or of one part). val: the images that settings
    are chosen on; none where the set has no part for it.
    """

    train: Tensor
    test: Tensor
    origin: str
    notes: tuple[str, ...] = ()
    val: Tensor = field(default_factory=lambda: _NONE)

    @property
    def digest(self) -> str:
        """16 hexadecimal digits of the SHA-256 of the lists of indices."""
        content = sha256()
        for index in (self.train, self.test, *([self.val] if len(self.val) else [])):
            content.update(str(len(index)).encode() + b":" + index.cpu().contiguous().numpy().tobytes())
        return content.hexdigest()[:16]

    def __str__(self) -> str:
        """For a protocol: the origin and the digest."""
        return f"{self.origin} {self.digest}"


def target_split(images: ImageSet, seed: int) -> TargetSplit:
    """The set's own parts where two of them share at least two classes, restricted to those; else random halves.

    Part `val` is neither fitted nor tested on beside others: settings are chosen on it. Halves are drawn of the part to
    test on if the set has one, else of the part to fit on, else of all images, so that no image of a part to fit on is
    tested on. Of images without labels, which only have captions, none is fitted.

    Raises:
        EpisodeError: no labels, or a class with fewer than 2 images where halves are drawn.
    """
    parts = tuple(dict.fromkeys(images.split))
    if images.labels is None:
        return _unlabelled(images, parts)
    for tested in TESTED:
        for fitted in FITTED:
            if tested in parts and fitted in parts:
                own = _own(images, fitted, tested)
                if own is not None:
                    return own
    if not parts:
        return TargetSplit(*train_test_indices(images, seed), "random halves")
    return _halves(images, parts, seed)


def _unlabelled(images: ImageSet, parts: tuple[str, ...]) -> TargetSplit:
    """Nothing is fitted without labels: the part to test on, or all images."""
    tested = next((part for part in TESTED if part in parts), None)
    if tested is None:
        return TargetSplit(_NONE, torch.arange(len(images)), "all images")
    rows = torch.tensor([part == tested for part in images.split]).nonzero().flatten()
    return TargetSplit(_NONE, rows, f"part {tested}")


def _own(images: ImageSet, fitted: str, tested: str) -> TargetSplit | None:
    """The images of two parts whose class is in both; None where fewer than two classes are."""
    labels = images.required_labels()
    inside = [torch.tensor([part == name for part in images.split]) for name in (fitted, tested)]
    held = [torch.bincount(labels[rows], minlength=images.classes) > 0 for rows in inside]
    shared = held[0] & held[1]
    if int(shared.sum()) < 2:
        return None
    train, test = ((rows & shared[labels]).nonzero().flatten() for rows in inside)
    val, chosen = _validation(images, train, f"part {fitted}")
    note = f"probes are fitted on part {fitted} ({len(train):,} images) and tested on part {tested} ({len(test):,})"
    used = (fitted, tested, *([VALIDATION] if len(val) else []))
    others = [part for part in dict.fromkeys(images.split) if part not in used]
    unused = f"; they do not use {', '.join(others)}" if others else ""
    notes = [f"{note}; {chosen}{unused}"]
    for name, mine, other in ((fitted, held[0], held[1]), (tested, held[1], held[0])):
        alone = (mine & ~other).nonzero().flatten().tolist()
        if alone:
            notes.append(
                f"probes leave out {len(alone)} classes that are in part {name} alone: {_named(images, alone)}"
            )
    return TargetSplit(train, test, f"parts {fitted} and {tested}", tuple(notes), val)


def _validation(images: ImageSet, train: Tensor, fitted: str) -> tuple[Tensor, str]:
    """The images of part `val` of the classes that are fitted, if two classes or more have some; and a note."""
    labels = images.required_labels()
    known = torch.bincount(labels[train], minlength=images.classes) > 0
    rows = torch.tensor([part == VALIDATION for part in images.split])
    val = (rows & known[labels]).nonzero().flatten()
    held = len(torch.unique(labels[val]))
    if held < 2:
        return _NONE, f"the penalty of the linear probe is chosen on a held-out third of {fitted}"
    some = f", {held} of the {int(known.sum())} classes" if held < int(known.sum()) else ""
    return val, f"the penalty of the linear probe is chosen on part {VALIDATION} ({len(val):,}{some})"


def _halves(images: ImageSet, parts: tuple[str, ...], seed: int) -> TargetSplit:
    chosen = next((part for part in (*TESTED, *FITTED) if part in parts and len(parts) > 1), None)
    has_both = any(part in parts for part in TESTED) and any(part in parts for part in FITTED)
    if chosen is None or (has_both and _is_split_by_class(images)):
        rows, of = torch.arange(len(images)), "all images"
    else:
        rows, of = torch.tensor([part == chosen for part in images.split]).nonzero().flatten(), f"part {chosen}"
    if has_both:
        why = "its parts to fit on and to test on share fewer than 2 classes"
    else:
        why = f"it has no two parts to fit and to test on ({', '.join(parts)})"
    train, test = train_test_indices(images.select(rows).with_at_least(1).without_split(), seed)
    val, chosen_on = _NONE, "the penalty of the linear probe is chosen on a held-out third of the first half"
    if chosen is not None and of == f"part {chosen}":
        val, chosen_on = _validation(images, rows[train], "the first half")
    note = f"{why}: probes are fitted on a random half of each class of {of}, and tested on the other; {chosen_on}"
    origin = "random halves" if of == "all images" else f"random halves of {of}"
    return TargetSplit(rows[train], rows[test], origin, (note,), val)


def _is_split_by_class(images: ImageSet) -> bool:
    """Whether no class has images in two parts, as in few-shot learning: then every part may be tested on."""
    found: dict[int, str] = {}
    labels = images.required_labels().tolist()
    return all(found.setdefault(label, part) == part for label, part in zip(labels, images.split, strict=True))


def _named(images: ImageSet, classes: list[int]) -> str:
    names = ", ".join(images.class_name(label) for label in classes[:_NAMED])
    return f"{names}{', ...' if len(classes) > _NAMED else ''}"
