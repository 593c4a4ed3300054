"""The .npy file of images, alone or stored uncompressed inside another file, read row by row."""

from __future__ import annotations

from os import PathLike
from pathlib import Path
from typing import BinaryIO

import numpy as np

from episodes.errors import EpisodeError
from episodes.stored_images import Layout, PixelFile, StoredImages


def open_npy(path: str | PathLike[str], *, start: int = 0, channels_last: bool = False) -> StoredImages:
    """The images of an .npy file that begins at byte `start` of `path`: uint8 (M, H, W) or (M, C, H, W).

    channels_last: four axes are (M, H, W, C). Only the header is read.

    Raises:
        EpisodeError: pixels that are not uint8 in C order, or a file that is cut short. OSError: no such file.
    """
    with Path(path).open("rb") as file:
        file.seek(start)
        try:
            shape, fortran, dtype = read_header(file)
        except ValueError as error:
            raise EpisodeError(f"{path}: not an .npy file ({error})") from error
        offset = file.tell()
    if dtype != np.uint8 or fortran or len(shape) not in (3, 4):
        raise EpisodeError(f"{path}: images must be uint8 of 3 or 4 axes in C order, not {dtype} {shape}")
    layout: Layout = "gray" if len(shape) == 3 else "channels last" if channels_last else "channels first"
    return StoredImages(PixelFile(path, shape, offset, layout))


def read_header(file: BinaryIO) -> tuple[tuple[int, ...], bool, np.dtype[np.generic]]:
    """Shape, Fortran order and dtype of an .npy; leaves the file at its data. Raises ValueError if it is none."""
    version = np.lib.format.read_magic(file)
    read = np.lib.format.read_array_header_1_0 if version[0] == 1 else np.lib.format.read_array_header_2_0
    shape, fortran, dtype = read(file)
    return shape, fortran, dtype
