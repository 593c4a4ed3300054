"""Images that are made from others when they are gathered: patches of an image, frames of a moving one."""

from __future__ import annotations

from collections.abc import Callable

import torch
from torch import Tensor

from episodes.stored_images import StoredImages

Compute = Callable[[Tensor, Tensor, Tensor], Tensor]
"""uint8 images (B, C, H, W), which of the base each is int64 (B,), which part is wanted of each int64 (B,): uint8
images of the same shape."""


class ComputedImages:
    """Images (M P, C, H, W) uint8: part p of image i of a base (M, C, H, W) is number i P + p; used like a tensor.

    Nothing is stored: `compute` makes the parts of the images that are gathered.
    """

    dtype = torch.uint8
    ndim = 4

    def __init__(self, base: Tensor | StoredImages, parts: int, compute: Compute, index: Tensor | None = None) -> None:
        """index: int64 (B,), which of the M P images are meant; None: all."""
        self.base, self.parts, self._compute, self._index = base, parts, compute, index

    @property
    def device(self) -> torch.device:
        """That of the base."""
        return self.base.device

    @property
    def shape(self) -> torch.Size:
        """(M P, C, H, W)."""
        count = len(self.base) * self.parts if self._index is None else len(self._index)
        return torch.Size((count, *self.base.shape[1:]))

    def __len__(self) -> int:
        """M P."""
        return self.shape[0]

    def numel(self) -> int:
        """Number of pixels."""
        return self.shape.numel()

    def view(self, index: Tensor) -> ComputedImages:
        """The images at `index` (B,) int64, in that order: nothing is computed."""
        chosen = index.cpu() if self._index is None else self._index[index.cpu()]
        return ComputedImages(self.base, self.parts, self._compute, chosen)

    def index_select(self, dim: int, index: Tensor, *, pin: bool = False) -> Tensor:
        """The images at `index` (B,) as uint8 (B, C, H, W), as Tensor.index_select gives them.

        Raises:
            IndexError: dim other than 0.
        """
        if dim != 0:
            raise IndexError("computed images are selected by image")
        wanted = index.to(self.device)
        if self._index is not None:
            wanted = self._index.to(self.device)[wanted]
        which = wanted // self.parts
        made = self._compute(self.base.index_select(0, which), which, wanted % self.parts)
        return made.pin_memory() if pin else made

    def __getitem__(self, rows: int | slice | Tensor) -> Tensor:
        """As of a tensor: image `rows` (C, H, W), a run of images, or the images at an index tensor."""
        if isinstance(rows, int):
            return self.index_select(0, torch.tensor([range(len(self))[rows]]))[0]
        if isinstance(rows, slice):
            return self.index_select(0, torch.arange(*rows.indices(len(self))))
        return self.index_select(0, rows)

    def to(self, device: torch.device | str) -> ComputedImages:
        """The same images of a base in the memory of `device`."""
        return ComputedImages(self.base.to(device), self.parts, self._compute, self._index)
