"""Pen strokes: read, drawn over time, and the named set of two zip files."""

from __future__ import annotations

import zipfile
from pathlib import Path

import pytest
import torch

from metaclr.data import load
from metaclr.data.drawn.strokes import draw_frames, parse_strokes
from metaclr.errors import UserError

CROSS = "START\n10,-50,0\n90,-50,400\nBREAK\nSTART\n50,-10,600\n50,-90,800\nBREAK\n"


def test_the_ink_grows_in_the_order_of_time() -> None:
    strokes = parse_strokes(CROSS, "cross")
    assert [stroke.shape for stroke in strokes] == [(2, 3), (2, 3)]
    film = draw_frames(strokes, 4, 105)[:, 0] > 0
    ink = film.sum((1, 2)).tolist()
    assert ink[0] < 40  # after 200 of 800 ms: one point
    assert ink[1] == ink[2] - int((film[2] & ~film[1]).sum())
    assert ink == sorted(ink)
    assert film[1][50, 10:90].all()
    assert not film[1][10:40].any()
    assert film[3][10:90, 50].all()
    small = draw_frames(strokes, 4, 28)
    assert small.shape == (4, 1, 28, 28)
    assert small.dtype == torch.uint8


def test_a_damaged_file_is_refused() -> None:
    with pytest.raises(UserError, match="here: 'a,b' is no point"):
        parse_strokes("START\na,b\n", "here")
    with pytest.raises(UserError, match="no point"):
        parse_strokes("START\nBREAK\n", "here")


def zips(root: Path) -> None:
    for number, alphabets in ((1, ("Greek", "Latin")), (2, ("Greek", "Tagalog"))):
        with zipfile.ZipFile(root / f"strokes_background_small{number}.zip", "w") as archive:
            for alphabet in alphabets:
                for drawer in (1, 2, 3):
                    name = f"strokes_background_small{number}/{alphabet}/character01/0001_{drawer:02}.txt"
                    archive.writestr(name, CROSS.replace("90,-50", f"{80 + drawer},-50"))
            archive.writestr("__MACOSX/Greek/character01/._0001_01.txt", "junk")


def test_the_named_set(tmp_path: Path) -> None:
    zips(tmp_path)
    found = load("omniglot_strokes", tmp_path, cache=tmp_path / "cache")
    assert len(found) == 9  # Greek is in both files
    assert found.groups == ("Greek", "Latin", "Tagalog")
    assert found.attributes["drawer"][:2] == ("Greek/01", "Greek/02")
    assert found.clips is not None
    assert found.clips.shape == (9, 8, 1, 28, 28)
    assert torch.equal(found.clips[:, -1], found.images)
    again = load("omniglot_strokes:held-out", tmp_path, cache=tmp_path / "cache")  # from the cache
    assert again.class_names == ("Tagalog/character01",)
    assert again.attributes["drawer"] == ("Tagalog/01", "Tagalog/02", "Tagalog/03")
    assert torch.equal(again.clips, found.clips[6:])  # type: ignore[arg-type]
    small = load("omniglot_strokes", tmp_path, size=16, channels=3, cache=tmp_path / "cache")
    assert small.clips is not None
    assert small.clips.shape == (9, 8, 3, 16, 16)
    with pytest.raises(UserError, match="is not in"):
        load("omniglot_strokes", tmp_path / "cache")
