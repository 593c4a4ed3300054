"""Arrays to decode into: in memory, or in a file where they are large, so that no set is too large to be prepared."""

from __future__ import annotations

import mmap
import os
from collections.abc import Callable
from io import BytesIO
from pathlib import Path

import numpy as np
from numpy.typing import NDArray
from torch import Tensor

from episodes import Images, blocks
from episodes.npy import read_header
from metaclr.errors import UserError

Pixels = NDArray[np.uint8]

Allocate = Callable[[tuple[int, ...]], Pixels]
"""Gives a zeroed array to decode into: in memory, or on disk where it is large."""


def in_memory(shape: tuple[int, ...]) -> Pixels:
    """A zeroed array."""
    return np.zeros(shape, dtype=np.uint8)


class Scratch:
    """Gives arrays of more than `large` bytes a file in `folder`, and such a file its last name without a copy."""

    def __init__(self, folder: Path, large: int) -> None:
        self.folder, self.large = folder, large
        self._files: dict[int, Path] = {}  # by the address of the first pixel

    def __call__(self, shape: tuple[int, ...]) -> Pixels:
        """A zeroed array (M, C, H, W).

        Raises:
            UserError: there is no room for it on the disk.
        """
        size = int(np.prod(shape, dtype=np.int64))
        if size <= self.large:
            return in_memory(shape)
        path = self.folder / f"scratch-{len(self._files)}.npy"
        try:
            array = np.lib.format.open_memmap(path, mode="w+", dtype=np.uint8, shape=shape)
            if hasattr(os, "posix_fallocate"):  # a disk that is found full later would kill the process
                with path.open("r+b") as file:
                    os.posix_fallocate(file.fileno(), 0, path.stat().st_size)
        except OSError as error:
            raise UserError(
                f"cache {self.folder.parent}: no room for {size / 2**30:.1f} GiB of images "
                f"({error.strerror or error}); free some, or set METACLR_CACHE to another folder"
            ) from error
        self._files[array.ctypes.data] = path
        return array

    def save(self, path: Path, images: Images) -> None:
        """Write images as an .npy file; those decoded into a file of this scratch are already there."""
        if not isinstance(images, Tensor):
            with path.open("wb") as file:
                file.write(_header(tuple(images.shape)))
                for rows in blocks(images):
                    file.write(images[rows].numpy().data)
            return
        own = self._files.get(images.data_ptr()) if images.is_contiguous() else None
        if own is None or not _shorten(own, tuple(images.shape)):
            np.save(path, images.cpu().numpy())
        else:
            own.rename(path)
        for left in self.folder.glob("scratch-*.npy"):
            left.unlink()


def release(array: Pixels) -> None:
    """Give the pages of an array in a file back to the system; what was written is in its file cache."""
    mapped = getattr(array, "_mmap", None)
    if mapped is not None and hasattr(mmap, "MADV_DONTNEED"):
        mapped.madvise(mmap.MADV_DONTNEED)


def _header(shape: tuple[int, ...]) -> bytes:
    header = BytesIO()
    np.lib.format.write_array_header_1_0(header, {"descr": "|u1", "fortran_order": False, "shape": shape})
    return header.getvalue()


def _shorten(path: Path, shape: tuple[int, ...]) -> bool:
    """Cut an .npy file after its first images; False if its header leaves no room to say so."""
    header = _header(shape)
    with path.open("r+b") as file:
        read_header(file)
        if file.tell() != len(header):
            return False
        file.seek(0)
        file.write(header)
        file.truncate(len(header) + int(np.prod(shape, dtype=np.int64)))
    return True
