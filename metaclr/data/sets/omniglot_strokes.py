"""Omniglot as it was drawn: pen strokes with times, as finished drawings and as clips of the ink (Lake et al. 2015)."""

from __future__ import annotations

import zipfile
from pathlib import Path

import torch

from episodes import ImageSet
from metaclr.data.cache import cached, stamp
from metaclr.data.drawn.strokes import WIDTH, draw_frames, parse_strokes
from metaclr.data.named_sets import NamedSet
from metaclr.data.request import Request
from metaclr.errors import UserError

ZIPS = ("strokes_background_small1.zip", "strokes_background_small2.zip")
FRAMES = 8
"""Frames of a clip; the last is the finished drawing."""
SOURCE = ("Balinese", "Early_Aramaic", "Greek", "Korean", "Latin")
"""Alphabets of the first file, to train on; the three that only the second file has are held out."""
HOW = (
    "put strokes_background_small1.zip and strokes_background_small2.zip of github.com/brendenlake/omniglot (python/) "
    "into the data root, or into its folder omniglot_strokes"
)


def find(root: Path) -> list[Path]:
    """Those of the zip files that are in the data root or in its folder; the first file is needed."""
    for folder in (root / "omniglot_strokes", root):
        found = [folder / name for name in ZIPS if (folder / name).is_file()]
        if found:
            return found
    return []


def from_zips(paths: list[Path], size: int) -> ImageSet:
    """The drawings (M, 1, size, size), ink 255 on 0, each with a clip of `FRAMES` frames.

    Classes are "Alphabet/characterNN", groups alphabets, the attribute `drawer` is "Alphabet/DD": drawer 3 of one
    alphabet is another person than drawer 3 of the next. A drawing that both files have is read once.

    Raises:
        UserError: a zip file that is damaged or holds no strokes.
    """
    clips, names, drawers = [], [], []
    seen: set[tuple[str, str]] = set()
    for path in paths:
        try:
            with zipfile.ZipFile(path) as archive:
                for member in sorted(m for m in archive.namelist() if m.endswith(".txt") and "__MACOSX" not in m):
                    alphabet, character, file = member.split("/")[-3:]
                    name, drawer = f"{alphabet}/{character}", f"{alphabet}/{Path(file).stem.rpartition('_')[2]}"
                    if (name, drawer) in seen:
                        continue
                    seen.add((name, drawer))
                    strokes = parse_strokes(archive.read(member).decode(), f"{path}: {member}")
                    clips.append(draw_frames(strokes, FRAMES, size))
                    names.append(name)
                    drawers.append(drawer)
        except (zipfile.BadZipFile, OSError, UnicodeDecodeError) as error:
            raise UserError(f"{path}: not a readable zip file of strokes ({error})") from error
    if not clips:
        raise UserError(f"{paths[0]}: no file of strokes in it")
    classes = sorted(set(names))
    number = {name: i for i, name in enumerate(classes)}
    together = torch.stack(clips)
    return ImageSet(
        together[:, -1].contiguous(),
        torch.tensor([number[name] for name in names]),
        class_names=tuple(classes),
        groups=tuple(name.split("/")[0] for name in classes),
        split=tuple("source" if name.split("/")[0] in SOURCE else "held-out" for name in names),
        name="omniglot_strokes",
        attributes={"drawer": tuple(drawers)},
        clips=together,
    )


def _read(request: Request) -> ImageSet:
    assert request.root is not None
    paths, size = find(request.root), request.size or 28
    how = {"frames": FRAMES, "width": WIDTH, "size": size}
    key = {"name": "omniglot_strokes", "files": [stamp(path) for path in paths], **how}
    return cached(key, lambda _: from_zips(paths, size), request.cache)


SETS = (
    NamedSet(
        "omniglot_strokes",
        "characters of 8 alphabets as drawn by pen, with clips of the ink over time; 3 alphabets held out",
        242,
        4840,
        ("source", "held-out"),
        ZIPS,
        lambda _: HOW,
        find,
        _read,
    ),
)
