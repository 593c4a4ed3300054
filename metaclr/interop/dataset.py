"""A map-style data set of (image, label) pairs as an ImageSet."""

from __future__ import annotations

from collections.abc import Sequence, Sized
from typing import Any, Protocol

import numpy as np
import torch
from torch import Tensor

from episodes import ImageSet
from metaclr.errors import UserError


class PairDataset(Protocol):
    """torch's map-style data set: learn2learn's MetaDataset, torchvision's data sets, a list of pairs."""

    def __len__(self) -> int: ...

    def __getitem__(self, index: int, /) -> Any: ...


def image_set_from_dataset(dataset: PairDataset | Sequence[Any], *, name: str = "dataset") -> ImageSet:
    """All pairs (image, label, ...) of `dataset`; image i of the set is its item i.

    Images may be uint8 or float in [0, 1] tensors (C, H, W) or (H, W), arrays (H, W, C) or (H, W), or PIL images; they
    are stored as uint8, so floats are rounded to 1/255. Labels of any type that sorts become 0, 1, ... in sorted order,
    and are the class names. Each item is read once, so random transforms of the data set are applied once.

    Raises:
        UserError: an empty data set, labels that do not sort, images of different sizes, or pixels outside [0, 1]
            (remove Normalize).
    """
    if not isinstance(dataset, Sized) or len(dataset) == 0:
        raise UserError(
            f"{name}: an empty data set, or one without a length; pass a map-style one of (image, label) pairs"
        )
    images: Tensor | None = None
    labels = []
    for index in range(len(dataset)):
        item = dataset[index]
        if not isinstance(item, (tuple, list)) or len(item) < 2:
            raise UserError(f"{name}: item {index} is a {type(item).__name__}; return (image, label) pairs")
        image = as_uint8(item[0], f"{name}: image {index}")
        if images is None:
            images = torch.empty(len(dataset), *image.shape, dtype=torch.uint8)
        if image.shape != images.shape[1:]:
            shapes = f"{tuple(image.shape)} after {tuple(images.shape[1:])}"
            raise UserError(f"{name}: image {index} has another size, {shapes}; add a Resize transform")
        images[index] = image
        labels.append(item[1].item() if isinstance(item[1], (Tensor, np.generic)) else item[1])
    classes = class_ids(labels)
    assert images is not None
    return ImageSet(
        images,
        torch.tensor([classes[label] for label in labels]),
        class_names=tuple(str(label) for label in classes),
        name=name,
    )


def class_ids(labels: Sequence[Any]) -> dict[Any, int]:
    """Class of each label: 0, 1, ... in sorted order. Raises UserError for labels that do not sort."""
    try:
        return {label: index for index, label in enumerate(sorted(set(labels)))}
    except TypeError as error:
        raise UserError(f"labels must sort, such as all int or all str: {error}") from error


def as_uint8(image: Any, what: str) -> Tensor:
    """One image as uint8 (C, H, W). Raises UserError, beginning with `what`, for another type, shape or range."""
    if isinstance(image, Tensor):
        pixels = image
    elif isinstance(image, np.ndarray) or hasattr(image, "convert"):
        if hasattr(image, "convert"):  # a PIL image
            image = image.convert("L" if image.mode in {"1", "L"} else "RGB")
        array = np.array(image)
        pixels = torch.from_numpy(array)
        pixels = pixels.movedim(-1, 0) if pixels.ndim == 3 else pixels
    else:
        raise UserError(f"{what} is a {type(image).__name__}; a tensor, an array or a PIL image is needed")
    pixels = pixels.unsqueeze(0) if pixels.ndim == 2 else pixels
    if pixels.ndim != 3 or pixels.shape[0] not in (1, 3):
        raise UserError(f"{what} must be (C, H, W) with C = 1 or 3, not {tuple(pixels.shape)}")
    if pixels.dtype == torch.uint8:
        return pixels
    pixels = pixels.float()
    low, high = pixels.min().item(), pixels.max().item()
    if not (low >= 0 and high <= 1):
        raise UserError(f"{what} has pixels from {low:g} to {high:g}; they must be in [0, 1] (remove Normalize)")
    return (pixels * 255).round().to(torch.uint8)
