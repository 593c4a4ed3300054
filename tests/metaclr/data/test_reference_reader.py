"""What is read of any folder tree is what a slow reader reads that was written from the rules of docs/data.md."""

from __future__ import annotations

import shutil
import tempfile
from contextlib import suppress
from pathlib import Path

from hypothesis import event, given, settings
from hypothesis import strategies as st

from metaclr.data.folders.listing import list_images
from metaclr.errors import UserError
from tests.metaclr.data.folder_trees import Refused, reference

_PART = st.sampled_from(["train", "Training_Set", "VAL", "dev", "test", "eval", "query", "gallery", "unlabeled"])
_CLASS = st.sampled_from(["owl", "wren", "a+b c", "猫", "images", "Greek", "x.y", "OWL", "x-y Z", "x_y_z"])
_SKIPPED = st.sampled_from([".hidden", "__MACOSX", "@eaDir", ".ipynb_checkpoints"])
_NAME = st.one_of(_CLASS, _CLASS, _PART, _SKIPPED)
_FILES = st.lists(st.sampled_from(["0.png", "1.JPG", "b.bmp", "notes.txt", ".x.png", "Thumbs.db"]), max_size=3)
_CLASSES = st.dictionaries(_CLASS, st.just({}), min_size=1, max_size=3)
_SHAPED = st.one_of(
    st.dictionaries(_PART, _CLASSES, min_size=1, max_size=3),
    st.dictionaries(_CLASS, st.dictionaries(_PART, st.just({}), min_size=1, max_size=2), min_size=1, max_size=3),
    st.dictionaries(_PART, st.dictionaries(_CLASS, _CLASSES, max_size=2), min_size=1, max_size=3),
    st.dictionaries(_CLASS, _CLASSES, min_size=1, max_size=3),
)
_FREE = st.recursive(st.just({}), lambda inner: st.dictionaries(_NAME, inner, max_size=3), max_leaves=8)
_LINK = st.sampled_from(["", "", "", "sibling", "up", "file", "broken"])


def build(folder: Path, tree: dict[str, dict], files: object, full: bool) -> None:
    """Write a tree; leaves of shaped trees hold images, so that most of them are data sets."""
    folder.mkdir(exist_ok=True)
    drawn = files() if full is False or tree else ["0.png", *files()]
    for name in drawn:
        (folder / name).write_bytes(b"x")
    for name, inner in tree.items():
        build(folder / name, inner, files, full)


@given(st.data())
@settings(max_examples=300, deadline=None)
def test_what_is_read_is_what_the_rules_say(data: st.DataObject) -> None:
    root = Path(tempfile.mkdtemp())
    try:
        shaped = data.draw(st.booleans())
        tree = data.draw(_SHAPED if shaped else _FREE)
        rare = st.one_of(st.just([]), st.just([]), st.just([]), _FILES) if shaped else _FILES
        build(root, tree, lambda: data.draw(rare), shaped)
        _link(root, data.draw(_LINK))
        expected, found, error = None, None, ""
        with suppress(Refused):
            expected = reference(root)
        try:
            found = list_images(root)
        except UserError as caught:
            error = str(caught)
        assert "\n" not in error
        event("refused" if found is None else next(n for n in found.notes if n.startswith("layout")).split(":")[1])
        assert (found is None) == (expected is None), error or f"read {found}, where the rules refuse"
        if found is None or expected is None:
            return
        names = [found.class_names[i] for i in found.labels] or [None] * len(found.files)
        parts = found.split or [""] * len(found.files)
        assert dict(zip(found.files, zip(parts, names, strict=True), strict=True)) == expected
        assert list(found.files) == sorted(found.files, key=lambda path: path.split("/"))
    finally:
        shutil.rmtree(root)


def _link(root: Path, kind: str) -> None:
    folders = sorted(p for p in root.rglob("*") if p.is_dir())
    if not folders or not kind:
        return
    target = {"sibling": folders[-1], "up": folders[-1].parent, "file": root / "l.txt", "broken": root / "no"}[kind]
    if kind == "sibling":
        (root / "linked").symlink_to(target.relative_to(root), target_is_directory=True)
    elif kind == "up":
        (folders[-1] / "up").symlink_to(target, target_is_directory=True)
    elif kind == "broken":
        (folders[0] / "gone.png").symlink_to("nothing.png")
    else:
        (root / "l.txt").write_text("x")
        (folders[0] / "linked.png").symlink_to(root / "l.txt")
