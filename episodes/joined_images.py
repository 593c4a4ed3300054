"""Images of several kinds as one: stored ones and parts computed from them, under one numbering."""

from __future__ import annotations

from collections.abc import Sequence
from itertools import accumulate
from typing import TYPE_CHECKING

import torch
from torch import Tensor

from episodes.errors import EpisodeError

if TYPE_CHECKING:
    from episodes.stored_images import Images


class JoinedImages:
    """Images (M1 + M2 + ..., C, H, W) uint8, those of each part in turn; used like a tensor. Nothing is copied.

    Raises:
        EpisodeError: parts of different channels or sizes.
    """

    dtype = torch.uint8
    ndim = 4

    def __init__(self, parts: Sequence[Images], index: Tensor | None = None) -> None:
        """index: int64 (B,), which of the images are meant; None: all."""
        self.parts, self._index = tuple(parts), index
        self.starts = (0, *accumulate(len(part) for part in self.parts))
        if len({tuple(part.shape[1:]) for part in self.parts}) != 1:
            raise EpisodeError(f"joined images must have one shape, not {[tuple(p.shape[1:]) for p in self.parts]}")

    @property
    def device(self) -> torch.device:
        """That of the first part."""
        return self.parts[0].device

    @property
    def shape(self) -> torch.Size:
        """(M1 + M2 + ..., C, H, W)."""
        count = self.starts[-1] if self._index is None else len(self._index)
        return torch.Size((count, *self.parts[0].shape[1:]))

    def __len__(self) -> int:
        """M1 + M2 + ..."""
        return self.shape[0]

    def numel(self) -> int:
        """Number of pixels."""
        return self.shape.numel()

    def view(self, index: Tensor) -> JoinedImages:
        """The images at `index` (B,) int64, in that order: nothing is read or computed."""
        chosen = index.cpu() if self._index is None else self._index[index.cpu()]
        return JoinedImages(self.parts, chosen)

    def index_select(self, dim: int, index: Tensor, *, pin: bool = False) -> Tensor:
        """The images at `index` (B,) as uint8 (B, C, H, W), as Tensor.index_select gives them.

        Raises:
            IndexError: dim other than 0, or an index out of range.
        """
        wanted = index.to(self.device)
        if self._index is not None:
            wanted = self._index.to(self.device)[wanted]
        if dim != 0 or (len(wanted) and not 0 <= int(wanted.min()) <= int(wanted.max()) < self.starts[-1]):
            raise IndexError(f"joined images are selected by image, 0..{len(self) - 1}")
        out = torch.empty((len(wanted), *self.shape[1:]), dtype=torch.uint8, device=self.device, pin_memory=pin)
        for part, start, stop in zip(self.parts, self.starts[:-1], self.starts[1:], strict=True):
            rows = ((wanted >= start) & (wanted < stop)).nonzero().flatten()
            if len(rows):
                out[rows] = part.index_select(0, wanted[rows] - start)
        return out

    def __getitem__(self, rows: int | slice | Tensor) -> Tensor:
        """As of a tensor: image `rows` (C, H, W), a run of images, or the images at an index tensor."""
        if isinstance(rows, int):
            return self.index_select(0, torch.tensor([range(len(self))[rows]]))[0]
        if isinstance(rows, slice):
            return self.index_select(0, torch.arange(*rows.indices(len(self))))
        return self.index_select(0, rows)

    def to(self, device: torch.device | str) -> JoinedImages:
        """The same images with all parts in the memory of `device`."""
        return JoinedImages([part.to(device) for part in self.parts], self._index)
