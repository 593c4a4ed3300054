from __future__ import annotations

import pytest
from hypothesis import given
from hypothesis import strategies as st

from metaclr.data.reference import Reference, parse
from metaclr.errors import UserError

word = st.text("abcdefghijklmnopqrstuvwxyz0123456789_-", min_size=1, max_size=12)


@given(word, st.lists(word, max_size=4, unique=True))
def test_what_is_written_is_read(base: str, parts: list[str]) -> None:
    text = base + (f":{'+'.join(parts)}" if parts else "")
    assert parse(text) == Reference(base, tuple(parts), is_path=False)
    assert str(parse(text)) == text


@given(st.text(max_size=30))
def test_any_text_is_read_or_refused(text: str) -> None:
    try:
        found = parse(text)
    except UserError:
        return
    assert str(found) == text
    assert "" not in found.parts


@given(st.lists(word, min_size=2, max_size=4), st.lists(word, max_size=2, unique=True))
def test_a_path_is_a_path(folders: list[str], parts: list[str]) -> None:
    path = "/".join(folders)
    found = parse(path + (f":{'+'.join(parts)}" if parts else ""))
    assert (found.is_path, found.base, found.parts) == (True, path, tuple(parts))


@pytest.mark.parametrize(
    ("text", "base", "parts"),
    [
        ("mine.npz", "mine.npz", ()),
        ("mine.npz:train", "mine.npz", ("train",)),
        (".", ".", ()),
        ("~/birds:val", "~/birds", ("val",)),
        ("C:\\birds", "C:\\birds", ()),
        ("C:/birds:train+val", "C:/birds", ("train", "val")),
        ("a:b/c", "a:b/c", ()),
    ],
)
def test_paths(text: str, base: str, parts: tuple[str, ...]) -> None:
    assert parse(text) == Reference(base, parts, is_path=True)


@pytest.mark.parametrize("text", ["", ":train", "glyphs:", "glyphs:a++b", "glyphs:a+a", " "])
def test_refused(text: str) -> None:
    with pytest.raises(UserError, match="data set"):
        parse(text)
