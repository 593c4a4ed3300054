"""`group`: the classes are groups of classes, or an attribute of the images."""

from __future__ import annotations

from dataclasses import replace

import pytest

from metaclr.errors import UserError
from metaclr.positives.group import Group
from tests.metaclr.comparison import small


def test_groups_of_classes_and_attributes_of_images() -> None:
    images = replace(small.stripes(4, 3), groups=("b", "a", "b", "a"))
    found = Group().labelled(images)
    assert found.class_names == ("a", "b")
    assert found.required_labels().tolist() == [1] * 3 + [0] * 3 + [1] * 3 + [0] * 3
    drawers = tuple("xyz" * 4)
    images = replace(images, attributes={"drawer": drawers})
    by = Group(by="drawer").labelled(images)
    assert [by.class_names[i] for i in by.required_labels().tolist()] == list(drawers)
    assert Group().labelled(images).class_names == ("a", "b")
    assert Group(by="attribute").labelled(images).class_names == ("x", "y", "z")
    assert Group().key(images) != Group(by="drawer").key(images)


def test_what_is_not_there_is_refused() -> None:
    images = replace(small.stripes(4, 3), attributes={"drawer": ("x",) * 12, "pen": tuple("ab" * 6)})
    with pytest.raises(UserError, match=r"set group\.by to one of: drawer, pen"):
        Group().labelled(images)
    with pytest.raises(UserError, match="did you mean 'drawer'"):
        Group(by="drawers").labelled(images)
    with pytest.raises(UserError, match="all images have one drawer, 'x'"):
        Group(by="drawer").labelled(images)


def test_attributes_follow_their_images() -> None:
    images = replace(small.stripes(4, 3), attributes={"drawer": tuple("abcdefghijkl")})
    assert images.select([5, 0]).attributes == {"drawer": ("f", "a")}
    assert images.only_classes([2, 0]).attributes == {"drawer": tuple("abcghi")}
