"""Parts are recognized by every common spelling, alike in folders, lists and arrays."""

from __future__ import annotations

import pytest

from metaclr.data.part_names import SPELLINGS, part_name, part_names, parts_of
from metaclr.errors import UserError


@pytest.mark.parametrize(
    ("text", "part"),
    [
        ("Training_Set", "train"),
        ("DEV", "val"),
        ("val2017", "val"),
        ("01_train", "train"),
        ("train (1)", "train"),
        ("train_512x512", "train"),
        ("test1", "test"),
        ("Test-v2", "test"),
        ("PrivateTest", "test"),
        ("PublicTest", "val"),
        ("images_background", "train"),
        ("imagesTr", "train"),
        ("x_te", None),
        ("2019", None),
        ("trainA", None),
        ("latest", None),
        ("contest", None),
        ("train station", None),
    ],
)
def test_spellings(text: str, part: str | None) -> None:
    assert part_name(text) == part


def test_every_spelling_means_its_part_in_any_case() -> None:
    for part, spellings in SPELLINGS.items():
        for spelling in spellings:
            assert {part_name(spelling), part_name(spelling.upper()), part_name(f"{spelling}-set")} == {part}


@pytest.mark.parametrize(
    ("names", "parts"),
    [
        (["birds_train", "birds_test"], ["train", "test"]),
        (["X_train", "X_val", "X_test"], ["train", "val", "test"]),
        (["train-owls", "test-owls"], ["train", "test"]),
        (["train", "owls"], ["train", None]),
        (["owl_train", "wren_test"], [None, None]),  # the rest differs: not parts of one set
        (["birds_train", "birds_owl"], [None, None]),
        (["birds_train"], [None]),
    ],
)
def test_names_that_share_all_but_the_part(names: list[str], parts: list[str | None]) -> None:
    assert list(parts_of(names).values()) == parts


def test_rows_without_a_part_are_counted() -> None:
    with pytest.raises(UserError, match=r"x\.csv: 1 of 3 rows name no part; write one of train, val"):
        part_names(["train", "", "test"], "x.csv")
