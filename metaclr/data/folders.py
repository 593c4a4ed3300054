"""Any folder of class folders: decoded once, by several threads, into the cache."""

from __future__ import annotations

from collections.abc import Sequence
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path
from typing import Literal

import numpy as np
import torch

from episodes import ImageSet
from metaclr.console import progress, say
from metaclr.data.cache import cache_folder, cached
from metaclr.errors import UserError

KINDS = {".png", ".jpg", ".jpeg", ".bmp", ".gif", ".tif", ".tiff", ".webp", ".ppm", ".pgm", ".jxl"}

OnCorrupt = Literal["error", "skip"]


def folder_set(
    root: Path, size: int, channels: int = 3, *, on_corrupt: OnCorrupt = "error", cache_in: Path | None = None
) -> ImageSet:
    """Images of `root`/CLASS/**, short side resized to `size` and the centre cropped; classes in name order.

    Raises:
        UserError: no class folder, a class without an image, or unreadable files (count and first; the full list is
            written to a file) unless `on_corrupt` is "skip".
    """
    files, names = _listing(root)
    key = {
        "name": f"folder-{root.name}",
        "files": [(str(f.relative_to(root)), f.stat().st_size, f.stat().st_mtime_ns) for f, _ in files],
        "size": size,
        "channels": channels,
        "on_corrupt": on_corrupt,
    }
    return cached(key, lambda: _decode(root, files, names, size, channels, on_corrupt), cache_in)


def _listing(root: Path) -> tuple[list[tuple[Path, int]], list[str]]:
    if not root.is_dir():
        raise UserError(f"{root}: no such folder")
    classes = sorted(p for p in root.iterdir() if p.is_dir() and not p.name.startswith("."))
    if not classes:
        raise UserError(f"{root}: has no class folders; images go into {root.name}/CLASS/")
    files = []
    for label, folder in enumerate(classes):
        found = sorted(p for p in folder.rglob("*") if p.suffix.lower() in KINDS)
        if not found:
            raise UserError(f"{folder}: no image in this class folder; known endings: {', '.join(sorted(KINDS))}")
        files += [(path, label) for path in found]
    return files, [folder.name for folder in classes]


def _decode(
    root: Path, files: Sequence[tuple[Path, int]], names: Sequence[str], size: int, channels: int, on_corrupt: str
) -> ImageSet:
    images = np.zeros((len(files), channels, size, size), dtype=np.uint8)
    bad: dict[int, str] = {}

    def one(i: int) -> None:
        try:
            images[i] = read_image(files[i][0], size, channels)
        except Exception as error:
            bad[i] = f"{files[i][0]}: {error}"

    with ThreadPoolExecutor() as pool, progress(f"decoding {root.name}") as bar:
        for done, _ in enumerate(pool.map(one, range(len(files))), start=1):
            bar(done, len(files), "images")
    if bad:
        _report(root, [bad[i] for i in sorted(bad)], on_corrupt)
    kept = [i for i in range(len(files)) if i not in bad]
    labels = torch.tensor([files[i][1] for i in kept])
    empty = [name for label, name in enumerate(names) if not bool((labels == label).any())]
    if empty:
        raise UserError(f"{root}: no readable image in class {empty[0]!r}")
    return ImageSet(torch.from_numpy(images[kept]), labels, tuple(names), name=root.name)


def read_image(path: Path, size: int, channels: int) -> np.ndarray[tuple[int, ...], np.dtype[np.uint8]]:
    """One image (channels, size, size): short side to `size`, centre cropped, antialiased."""
    from PIL import Image, ImageOps

    with Image.open(path) as opened:
        image = opened.convert("L" if channels == 1 else "RGB")
        fitted = ImageOps.fit(image, (size, size), method=Image.Resampling.BILINEAR)
    array = np.asarray(fitted)
    return array[None] if channels == 1 else array.transpose(2, 0, 1)


def _report(root: Path, lines: Sequence[str], on_corrupt: str) -> None:
    path = cache_folder() / f"unreadable-{root.name}.txt"
    try:
        path.parent.mkdir(parents=True, exist_ok=True)
        path.write_text("\n".join(lines) + "\n", encoding="utf-8")
        where = f"; all are listed in {path}"
    except OSError:
        where = ""
    message = f"{root}: {len(lines)} unreadable files, first {lines[0]}{where}"
    if on_corrupt != "skip":
        raise UserError(f"{message}; mend them, or take --on-corrupt skip")
    say(f"metaclr: {message}; skipped")
