"""Images that stay in their file: rows are read when they are indexed."""

from __future__ import annotations

import os
import weakref
from os import PathLike, fspath
from threading import Lock
from typing import TYPE_CHECKING, Literal, TypeAlias

import numpy as np
import torch
from numpy.typing import NDArray
from torch import Tensor

from episodes.errors import EpisodeError

if TYPE_CHECKING:
    from episodes.computed_images import ComputedImages
    from episodes.joined_images import JoinedImages

Layout = Literal["gray", "channels first", "channels last"]
"""Of the file: (M, H, W), (M, C, H, W) or (M, H, W, C)."""

BLOCK = 1 << 20
"""Bytes read at once where everything is read."""


class PixelFile:
    """uint8 pixels from byte `offset` of a file on, read row by row; sent to another process as a path.

    Read, not mapped into memory: a mapped file counts as memory of the process by the 2 MB where the system's file
    cache has such pieces, and reading behind the end of one that was cut short would kill the process.

    Raises:
        EpisodeError: the file is shorter than `shape` says. OSError: it cannot be opened.
    """

    def __init__(self, path: str | PathLike[str], shape: tuple[int, ...], offset: int, layout: Layout) -> None:
        self.path, self.shape, self.offset, self.layout = fspath(path), tuple(shape), offset, layout
        self._end = offset + int(np.prod(shape, dtype=np.int64))
        self._row = (self._end - offset) // max(1, shape[0])
        self._handle = os.open(self.path, os.O_RDONLY | getattr(os, "O_BINARY", 0))
        weakref.finalize(self, os.close, self._handle)
        self._lock = Lock()
        self._check_length()
        self._advise("POSIX_FADV_RANDOM", 0, 0)  # no readahead: rows are read one by one

    def __reduce__(self) -> tuple[type[PixelFile], tuple[str, tuple[int, ...], int, Layout]]:
        """The path and what is there, not the pixels."""
        return PixelFile, (self.path, self.shape, self.offset, self.layout)

    def read(self, rows: NDArray[np.int64], *, pin: bool = False) -> Tensor:
        """Some images, (B, *shape[1:]) with B >= 1, as they are in the file.

        All reads are requested, in the file's order, before the first is awaited.
        """
        self._check_length()
        for first, count in _runs(np.unique(rows)):
            self._advise("POSIX_FADV_WILLNEED", self.offset + first * self._row, count * self._row)
        out = torch.empty((len(rows), *self.shape[1:]), dtype=torch.uint8, pin_memory=pin)
        left = memoryview(out.numpy().data).cast("B")
        for first, count in _runs(rows):
            self._fill(left[: count * self._row], self.offset + first * self._row)
            left = left[count * self._row :]
        return out

    def _fill(self, out: memoryview, place: int) -> None:
        while len(out):
            if hasattr(os, "preadv"):
                count = os.preadv(self._handle, [out], place)
            else:
                with self._lock:
                    os.lseek(self._handle, place, os.SEEK_SET)
                    found = os.read(self._handle, len(out))
                count = len(found)
                out[:count] = found
            if not count:
                self._check_length()
                raise EpisodeError(f"{self.path}: nothing to read at byte {place:,}")
            out, place = out[count:], place + count

    def _advise(self, option: str, start: int, length: int) -> None:
        if hasattr(os, option):  # elsewhere the system decides by itself
            os.posix_fadvise(self._handle, start, length, getattr(os, option))

    def _check_length(self) -> None:
        there = os.fstat(self._handle).st_size
        if there < self._end:
            raise EpisodeError(f"{self.path}: cut short, {there:,} bytes of {self._end:,}; delete it or write it again")


def _runs(rows: NDArray[np.int64]) -> list[tuple[int, int]]:
    """First row and length of each run of neighbours in `rows` (B,), B >= 1."""
    starts = np.flatnonzero(np.r_[True, np.diff(rows) != 1])
    return list(zip(rows[starts].tolist(), np.diff(np.r_[starts, len(rows)]).tolist(), strict=True))


class StoredImages:
    """Images (M, C, H, W) uint8 in a file, used like a tensor on the CPU: `images[rows]` reads these rows.

    A selection of rows (`view`) shares the file and holds indices only. This process keeps nothing of what it read
    (the system's file cache may). Read-only; several threads may read.
    """

    dtype = torch.uint8
    device = torch.device("cpu")
    ndim = 4

    def __init__(self, file: PixelFile, index: Tensor | None = None) -> None:
        """index: (B,) int64, which of the file's images are meant; None: all."""
        self._file, self._index = file, index

    @property
    def shape(self) -> torch.Size:
        """(M, C, H, W)."""
        count, *image = self._file.shape
        if self._index is not None:
            count = len(self._index)
        if self._file.layout == "gray":
            return torch.Size((count, 1, *image))
        return torch.Size((count, *image) if self._file.layout == "channels first" else (count, image[2], *image[:2]))

    def __len__(self) -> int:
        """M."""
        return self.shape[0]

    def numel(self) -> int:
        """M C H W, which is also the number of bytes."""
        return self.shape.numel()

    def view(self, index: Tensor) -> StoredImages:
        """The images at `index` (B,) int64, in that order, of the same file: nothing is read."""
        return StoredImages(self._file, index.clone() if self._index is None else self._index[index])

    def index_select(self, dim: int, index: Tensor, *, pin: bool = False) -> Tensor:
        """The images at `index` (B,) as uint8 (B, C, H, W) on the CPU, contiguous, as Tensor.index_select gives them.

        pin: into memory that a GPU copies from in the background.

        Raises:
            EpisodeError: the file was cut short meanwhile. IndexError: an index out of range, or dim other than 0.
        """
        wanted = index.cpu().numpy()
        if dim != 0 or (len(wanted) and not 0 <= wanted.min() <= wanted.max() < len(self)):
            raise IndexError(f"mapped images are selected by image, 0..{len(self) - 1}")
        if not len(wanted):
            return torch.empty((0, *self.shape[1:]), dtype=torch.uint8)
        read = self._file.read(wanted if self._index is None else self._index.numpy()[wanted], pin=pin)
        if self._file.layout == "channels first":
            return read
        first = read.unsqueeze(1) if self._file.layout == "gray" else read.permute(0, 3, 1, 2)
        return first.contiguous().pin_memory() if pin and not first.is_contiguous() else first.contiguous()

    def __getitem__(self, rows: int | slice | Tensor) -> Tensor:
        """As of a tensor: image `rows` (C, H, W), a run of images, or the images at an index tensor."""
        if isinstance(rows, int):
            return self.index_select(0, torch.tensor([range(len(self))[rows]]))[0]
        if isinstance(rows, slice):
            start, stop, stride = rows.indices(len(self))
            return self.index_select(0, torch.arange(start, max(start, stop), stride))
        return self.index_select(0, rows)

    def to(self, device: torch.device | str) -> Tensor:
        """All of them as one tensor on `device`, copied in blocks: the caller has made sure that they fit."""
        out = torch.empty(self.shape, dtype=torch.uint8, device=device)
        for rows in blocks(self):
            out[rows] = self[rows].to(device)
        return out


Images: TypeAlias = "Tensor | StoredImages | ComputedImages | JoinedImages"
"""Images (M, C, H, W) uint8: in memory, in a file, computed from others, or several of these."""


def blocks(images: Images, size: int = BLOCK, within: slice = slice(None)) -> list[slice]:
    """Runs of images of about `size` bytes, at least one image each, in order: all of the set, a part at a time."""
    start, stop, _ = within.indices(len(images))
    count = max(1, size * len(images) // images.numel())
    return [slice(first, min(first + count, stop)) for first in range(start, stop, count)]
