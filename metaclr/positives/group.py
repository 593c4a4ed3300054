"""Images that share a drawer, a font, a script, a super-class: coarser or other labels than the classes."""

from __future__ import annotations

from dataclasses import dataclass
from hashlib import sha256
from typing import TYPE_CHECKING, ClassVar

import torch

from episodes import ImageSet
from metaclr.data.image_attributes import CAPTION
from metaclr.errors import UserError, unknown
from metaclr.positives.label import of_classes
from metaclr.positives.source import Positives

if TYPE_CHECKING:
    from metaclr.methods.method import Method


ANY = "attribute"


@dataclass(frozen=True)
class Group(Positives):
    """by: `groups`, the groups of the classes (alphabet, script, super-class); the name of an attribute of the images
    (drawer, font), in own data a column of a .csv file or an array of an .npz; or `attribute`, their only one. Empty:
    the groups where the set has them, else the only attribute.
    """

    summary: ClassVar[str] = "images of one drawer, font, script or super-class"
    reference: ClassVar[str] = "the project's own control; Lake et al. 2015 name drawers and alphabets"
    by: str = ""

    def method(self, method: Method) -> Method:
        """As `label`, of groups."""
        return of_classes(method, "group")

    def labelled(self, images: ImageSet) -> ImageSet:
        """The same images, whose classes are the groups, sorted by name.

        Raises:
            UserError: a set without groups and attributes, or without this one; one group only.
        """
        values = self._values(images)
        names = sorted(set(values))
        if len(names) < 2:
            raise UserError(f"{images.name}: all images have one {self.by or 'group'}, {names[0]!r}: nothing differs")
        number = {name: i for i, name in enumerate(names)}
        labels = torch.tensor([number[value] for value in values], device=images.images.device)
        return images.with_labels(labels, names)

    def key(self, images: ImageSet) -> str:
        """Hash of the group of every image."""
        return sha256("\x1f".join(self._values(images)).encode()).hexdigest()

    def _values(self, images: ImageSet) -> list[str]:
        attributes = [name for name in images.attributes if name != CAPTION]
        known = [*(["groups"] if images.groups else []), *attributes]
        if not known:
            raise UserError(
                f"{images.name}: its images have no groups: no drawers, fonts, scripts or super-classes; a column of a "
                ".csv file, or an array of an .npz, with a value for each image that repeats, is one"
            )
        by = self.by or ("groups" if images.groups else ANY)
        if by == ANY:
            if len(attributes) != 1:
                raise UserError(f"{images.name}: set group.by to one of: {', '.join(known)}")
            (by,) = attributes
        if by not in known:
            raise unknown(f"group.by ({images.name})", by, known)
        if by == "groups" and images.groups:
            return [images.groups[label] for label in images.required_labels().tolist()]
        values = list(images.attributes[by])
        if missing := values.count(""):
            raise UserError(f"{images.name}: {missing} of {len(values)} images have no {by}; fill it or drop them")
        return values


SOURCE = Group
