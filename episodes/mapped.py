"""Images that stay in their file: rows are read when asked for, and given back to the system afterwards."""

from __future__ import annotations

import mmap
from os import PathLike, fspath
from typing import Literal, TypeAlias

import numpy as np
import torch
from numpy.typing import NDArray
from torch import Tensor

from episodes.errors import EpisodeError

Layout = Literal["grey", "channels first", "channels last"]
"""Of the file: (M, H, W), (M, C, H, W) or (M, H, W, C)."""

_KEEP = 1 << 26  # bytes read before the mapped pages are given back; the system may map a few times as many
BLOCK = 1 << 20
"""Bytes read at once where everything is read."""


class PixelFile:
    """uint8 pixels from byte `offset` of a file on, mapped read-only; sent to another process as a path.

    Raises:
        EpisodeError: the file is shorter than `shape` says. OSError: it cannot be opened.
    """

    def __init__(self, path: str | PathLike[str], shape: tuple[int, ...], offset: int, layout: Layout) -> None:
        self.path, self.shape, self.offset, self.layout = fspath(path), tuple(shape), offset, layout
        self._end = offset + int(np.prod(shape, dtype=np.int64))
        with open(self.path, "rb") as file:  # noqa: PTH123 - a path that other processes get as text
            self._check_length(file.seek(0, 2))
            self._map = mmap.mmap(file.fileno(), 0, access=mmap.ACCESS_READ)
        self._row = (self._end - offset) // max(1, shape[0])
        self._pixels: NDArray[np.uint8] = np.ndarray(shape, np.uint8, self._map, offset)
        self._advise("MADV_RANDOM", 0, self._end)  # each row is asked for, nothing beside it
        self._read = 0

    def __reduce__(self) -> tuple[type[PixelFile], tuple[str, tuple[int, ...], int, Layout]]:
        """The path and what is there, not the pixels."""
        return PixelFile, (self.path, self.shape, self.offset, self.layout)

    def read(self, rows: NDArray[np.int64], *, pin: bool = False) -> Tensor:
        """Some images, (B, *shape[1:]) as they are in the file. All are asked for, in the file's order, before the
        first is waited for."""
        self._check_length(self._map.size())  # reading behind the end of a file kills the process
        self._ask_for(rows)
        out = torch.empty((len(rows), *self.shape[1:]), dtype=torch.uint8, pin_memory=pin)
        # numpy copies without the interpreter's lock, and without a team of threads beside the training's.
        np.take(self._pixels, rows, axis=0, out=out.numpy(), mode="clip")
        self._read += out.numel()
        if self._read > _KEEP:
            self._read = 0
            self._advise("MADV_DONTNEED", 0, self._end)
        return out

    def _ask_for(self, rows: NDArray[np.int64]) -> None:
        page = mmap.PAGESIZE
        first = np.unique(rows) * self._row + self.offset
        starts, ends = first // page, (first + self._row - 1) // page + 1
        gaps = np.flatnonzero(starts[1:] > ends[:-1])
        begins, stops = starts[np.r_[0, gaps + 1]] * page, ends[np.r_[gaps, len(ends) - 1]] * page
        for begin, stop in zip(begins.tolist(), stops.tolist(), strict=True):
            self._advise("MADV_WILLNEED", begin, min(stop, self._end) - begin)

    def _advise(self, option: str, start: int, length: int) -> None:
        if hasattr(mmap, option):  # not on Windows, where the system decides by itself
            self._map.madvise(getattr(mmap, option), start, length)

    def _check_length(self, there: int) -> None:
        if there < self._end:
            raise EpisodeError(f"{self.path}: cut short, {there:,} bytes of {self._end:,}; delete it or make it anew")


class MappedImages:
    """Images (M, C, H, W) uint8 in a file, used like a tensor on the CPU: `images[rows]` reads these rows.

    A selection of rows (`view`) shares the file and holds indices only. What this process keeps of the file is
    bounded, however much is read (the system's file cache is its own). Read-only; several threads may read.
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
        if self._file.layout == "grey":
            return torch.Size((count, 1, *image))
        return torch.Size((count, *image) if self._file.layout == "channels first" else (count, image[2], *image[:2]))

    def __len__(self) -> int:
        """M."""
        return self.shape[0]

    def numel(self) -> int:
        """M C H W, which is also the number of bytes."""
        return self.shape.numel()

    def view(self, index: Tensor) -> MappedImages:
        """The images at `index` (B,) int64, in that order, of the same file: nothing is read."""
        return MappedImages(self._file, index.clone() if self._index is None else self._index[index])

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
        first = read.unsqueeze(1) if self._file.layout == "grey" else read.permute(0, 3, 1, 2)
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


Images: TypeAlias = Tensor | MappedImages
"""Images (M, C, H, W) uint8: in memory, or in a file."""


def blocks(images: Images, size: int = BLOCK, within: slice = slice(None)) -> list[slice]:
    """Runs of images of about `size` bytes, at least one image each, in order: all of the set, a part at a time."""
    start, stop, _ = within.indices(len(images))
    count = max(1, size * len(images) // images.numel())
    return [slice(first, min(first + count, stop)) for first in range(start, stop, count)]
