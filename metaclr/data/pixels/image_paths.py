"""Image files by their paths, as one image set without labels."""

from __future__ import annotations

from collections.abc import Sequence
from pathlib import Path

from episodes import ImageSet
from metaclr.data.options import DEFAULT, ReadOptions
from metaclr.data.pixels.image_files import read_images
from metaclr.data.scratch import in_memory
from metaclr.errors import UserError


def read_paths(paths: Sequence[Path], *, size: int, channels: int, options: ReadOptions = DEFAULT) -> ImageSet:
    """Images (M, channels, size, size) of files, in their order; `files` has the paths as they were given.

    Raises:
        UserError: a path that is no file, or files that are unreadable or too large.
    """
    if not paths:
        raise UserError("images: no file was given")
    for path in paths:
        if not path.is_file():
            raise UserError(f"image {path}: {'is a folder' if path.is_dir() else 'no such file'}")
    found = read_images("images", paths, [str(path) for path in paths], in_memory, size, channels, options)
    return ImageSet(found.images, name="images", files=found.files, notes=found.notes)
