"""Quarter turns as classes: Omniglot's published protocol by its name, upright characters by another."""

from __future__ import annotations

import os
from pathlib import Path

import numpy as np
import pytest
import torch

import metaclr
from episodes import EpisodeError, ImageSet
from episodes.splits import class_split
from metaclr.data import cache, catalogue, load
from metaclr.data.turned_classes import with_turned_classes
from metaclr.errors import UserError
from metaclr.recipe import find, read, resolve
from tests.metaclr.comparison import small

REAL = Path(os.environ.get("METACLR_DATA", ""))


def drawings(classes: int = 3, each: int = 2, size: int = 6) -> ImageSet:
    made = torch.Generator().manual_seed(0)
    pixels = torch.randint(0, 256, (classes * each, 1, size, size), generator=made, dtype=torch.uint8)
    labels = torch.arange(classes).repeat_interleave(each)
    return ImageSet(
        pixels,
        labels,
        tuple(f"Greek/c{i}" for i in range(classes)),
        ("Greek",) * classes,
        ("test",) * len(labels),
        "drawn",
        tuple(f"{i}.png" for i in range(len(labels))),
    )


@pytest.fixture(scope="module")
def root(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A data root with an omniglot.npz of all 1,623 characters, five drawings of 16 x 16 pixels each."""
    folder = tmp_path_factory.mktemp("data")
    names = [name for part in class_split("omniglot").values() for name in part]
    images = np.random.default_rng(0).integers(0, 256, (5 * len(names), 16, 16), dtype=np.uint8)
    np.savez(folder / "omniglot.npz", images=images, labels=np.repeat(np.arange(len(names)), 5), class_names=names)
    return folder


def test_each_class_and_its_three_turns() -> None:
    drawn = drawings()
    found = with_turned_classes(drawn)
    assert (len(found), found.classes) == (24, 12)
    assert found.class_names[:5] == ("Greek/c0", "Greek/c0/rot090", "Greek/c0/rot180", "Greek/c0/rot270", "Greek/c1")
    assert found.copies_of == tuple(f"Greek/c{i}" for i in range(3) for _ in range(4))
    assert found.class_origins().tolist() == [0] * 4 + [1] * 4 + [2] * 4
    assert (found.groups, found.split) == (("Greek",) * 12, ("test",) * 24)
    assert torch.equal(found.images[: len(drawn)], drawn.images)
    for i, label in enumerate(found.required_labels().tolist()):
        name, turn = divmod(label, 4)
        assert found.files[i] == f"{i % len(drawn)}.png"
        assert name == int(drawn.required_labels()[i % len(drawn)])
        seen = np.rot90(drawn.images[i % len(drawn), 0].numpy(), turn)  # counter-clockwise, as PIL's rotate(90)
        np.testing.assert_array_equal(found.images[i, 0].numpy(), seen)


def test_classes_keep_what_they_are_copies_of() -> None:
    found = with_turned_classes(drawings())
    some = found.only_classes([11, 0, 4, 5])
    assert some.copies_of == ("Greek/c2", "Greek/c0", "Greek/c1", "Greek/c1")
    assert some.class_origins().tolist() == [0, 1, 2, 2]
    assert found.shuffled_labels(0).copies_of == found.copies_of
    assert found.unlabelled().copies_of == found.with_labels(found.required_labels()).copies_of == ()
    assert drawings().class_origins().tolist() == [0, 1, 2]
    with pytest.raises(EpisodeError, match="2 copies_of for 3 classes"):
        ImageSet(torch.zeros(3, 1, 4, 4, dtype=torch.uint8), torch.arange(3), copies_of=("a", "b"))


def test_large_sets_are_turned_in_a_file(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    expected = with_turned_classes(drawings())
    monkeypatch.setenv("METACLR_CACHE", str(tmp_path))
    monkeypatch.setattr(cache, "LARGE", 500)
    for _ in range(2):  # made, then read from the cache
        found = with_turned_classes(drawings())
        assert not isinstance(found.images, torch.Tensor)
        assert found.fingerprint() == expected.fingerprint()
        for name in ("class_names", "groups", "split", "files", "notes", "copies_of", "name"):
            assert getattr(found, name) == getattr(expected, name)


def test_what_cannot_be_turned() -> None:
    with pytest.raises(UserError, match="need square images with labels; these have no labels"):
        with_turned_classes(drawings().unlabelled())
    with pytest.raises(UserError, match="these are 4 x 6, not square"):
        with_turned_classes(ImageSet(torch.zeros(2, 1, 6, 4, dtype=torch.uint8), torch.arange(2)))


def test_omniglot_is_turned_and_the_upright_variant_has_its_own_name(root: Path) -> None:
    sizes = {"train+val": (1200, 4800), "test": (423, 1692)}
    for parts, (characters, classes) in sizes.items():
        turned, upright = load(f"omniglot:{parts}", root), load(f"omniglot_upright:{parts}", root)
        assert (turned.classes, upright.classes) == (classes, characters)
        assert len(set(turned.copies_of)) == characters
        assert torch.equal(turned.images[: len(upright)], upright.images)
        by_option = load(f"omniglot:{parts}", root, turned=False)
        assert by_option.fingerprint() == upright.fingerprint()
        assert f"{characters:,} characters and their quarter turns are {classes:,} classes" in turned.notes[-1]
        assert f"{characters:,} characters as drawn" in upright.notes[-1] == by_option.notes[-1]
    assert load("omniglot_upright", root, turned=True).classes == 1623
    entries = {entry.name: entry for entry in catalogue(root)}
    assert (entries["omniglot"].classes, entries["omniglot"].images) == (6492, 4 * 5 * 1623)
    assert entries["omniglot_upright"].available


def test_the_recipe_trains_and_evaluates_on_turned_classes() -> None:
    tables = read(find("omniglot"))
    assert tables["data"]["turned"] is True
    assert resolve(tables).data.options()["turned"] is True
    assert resolve(tables, ["data.turned=false"]).data.options()["turned"] is False


@pytest.mark.parametrize("source", ["omniglot:train", "omniglot_upright:train"])
def test_every_table_says_which(root: Path, tmp_path: Path, source: str) -> None:
    """Of the source and of the target; and intervals count characters, not their turns."""
    found = metaclr.compare(
        "omniglot",
        methods=["simclr"],
        sources=[source],
        targets=["omniglot:test"],
        out=tmp_path / "out",
        data_root=root,
        device="cpu",
        overrides=[*small.SETTINGS, "evaluate.low_label=false", "evaluate.few_shot.shots=[1]"],
        quiet=True,
    )
    notes = (found.folder / "tables" / "main.md").read_text().replace("\\_", "_")
    said = "as drawn" if "upright" in source else "and their quarter turns are 4,112 classes, as published"
    assert f"{source}: turns: 1,028 characters {said}" in notes
    assert "omniglot:test: turns: 423 characters and their quarter turns are 1,692 classes, as published" in notes
    assert "1,692 classes (copies of 423, which intervals count once each)" in notes
    stored = np.load(found.folder / "episode_classes.npz")
    ids = np.concatenate([stored[key].ravel() for key in stored.files])
    assert ids.max() < 423


@pytest.mark.skipif(not (REAL / "omniglot.npz").is_file(), reason="omniglot.npz is not in METACLR_DATA")
def test_the_published_numbers_of_classes() -> None:
    """Vinyals et al. 2016 and Snell et al. 2017: 1,200 characters for training and 423 for tests, four turns each."""
    train, test = (load(f"omniglot:{part}", REAL, size=28) for part in ("train+val", "test"))
    assert (train.classes, test.classes) == (4800, 1692)
    assert (len(train), len(test)) == (96000, 33840)
    assert bool((test.class_counts() == 20).all())
