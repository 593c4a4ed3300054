"""Several image sets as one: the parts of a data set that lie in files of their own."""

from __future__ import annotations

from collections.abc import Sequence

import torch

from episodes import ImageSet
from metaclr.errors import UserError
from metaclr.wording import some


def joined(parts: Sequence[tuple[str, ImageSet]], name: str) -> ImageSet:
    """One set of all images, in the order given, with `split`; classes of one name are one class.

    parts: the part of each set ("" for none), and the set. Sets without labels beside labelled ones are left out.

    Raises:
        UserError: images of different sizes or channels.
    """
    labelled = [(part, one) for part, one in parts if one.labels is not None]
    notes = [f"left out: part {part}, {len(one):,} images without labels" for part, one in parts if one.labels is None]
    if labelled:
        parts = labelled
    else:
        notes = []
    shapes = {tuple(one.images.shape[1:]) for _, one in parts}
    if len(shapes) > 1:
        raise UserError(f"{name}: its files hold images of different sizes, {some([str(s) for s in shapes])}")
    names = [_names(one) for _, one in parts]
    classes = sorted({name for some_names in names for name in some_names}, key=_order)
    index = {name: i for i, name in enumerate(classes)}
    labels = [
        torch.tensor([index[name] for name in own])[one.required_labels()]
        for own, (_, one) in zip(names, parts, strict=True)
        if one.labels is not None
    ]
    groups: dict[str, str] = {}
    for own, (_, one) in zip(names, parts, strict=True):
        groups |= dict(zip(own, one.groups, strict=False))
    numbered = classes == [str(i) for i in range(len(classes))]
    has_files = all(one.files for _, one in parts)
    split = tuple(part or _own(one, i) for part, one in parts for i in range(len(one)))
    return ImageSet(
        torch.cat([one.images[:] for _, one in parts]),
        torch.cat(labels) if labels else None,
        () if numbered and not any(one.class_names for _, one in parts) else tuple(classes),
        tuple(groups[name] for name in classes) if len(groups) == len(classes) else (),
        split if all(split) else (),
        name,
        tuple(file for _, one in parts for file in one.files) if has_files else (),
        tuple(dict.fromkeys([*notes, *(note for _, one in parts for note in one.notes)])),
    )


def _own(image_set: ImageSet, i: int) -> str:
    return image_set.split[i] if image_set.split else ""


def _names(image_set: ImageSet) -> tuple[str, ...]:
    return image_set.class_names or tuple(map(str, range(image_set.classes)))


def _order(name: str) -> tuple[int, str]:
    return (int(name), name) if name.isdecimal() else (1 << 62, name)
