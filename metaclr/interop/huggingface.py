"""A split of a Hugging Face `datasets` data set as an ImageSet."""

from __future__ import annotations

from typing import Any

import numpy as np
import torch

from episodes import ImageSet
from metaclr.data.options import Fit
from metaclr.data.pixels.decode import fitted
from metaclr.errors import UserError, unknown
from metaclr.interop.dataset import class_ids


def image_set_from_huggingface(
    dataset: Any,
    *,
    size: int,
    channels: int = 3,
    image: str = "",
    label: str | None = "",
    fit: Fit = "crop",
    name: str = "",
) -> ImageSet:
    """All rows of a `datasets.Dataset` with an image column; image i of the set is its row i.

    Args:
        dataset: one split, such as `datasets.load_dataset("cifar100", split="train")`; the library reads and caches it.
        size: pixels of either side; other images are resized, and cropped or padded to a square as `fit` says.
        channels: 1 or 3.
        image: column of the images; by default the first of type Image.
        label: column of the classes; by default the first of type ClassLabel, whose names are kept. None: no labels.
            Rows that are marked as without a label (-1) are refused.

    Raises:
        UserError: several splits at once, no such column, rows without a label, or a row that is no image.
    """
    features = getattr(dataset, "features", None)
    if features is None or not hasattr(dataset, "column_names") or isinstance(dataset, dict):
        splits = f" {', '.join(map(str, dataset))}" if isinstance(dataset, dict) else ""
        raise UserError(f"dataset: a {type(dataset).__name__}{splits}; pass one split, such as dataset['train']")
    title = name or str((getattr(dataset, "info", None) and dataset.info.dataset_name) or "dataset")
    image = _column(features, image, "Image", title) or ""
    label = None if label is None else _column(features, label, "ClassLabel", title, optional=True)
    pixels = np.empty((len(dataset), channels, size, size), dtype=np.uint8)
    for index, row in enumerate(dataset.select_columns([image])):  # one decoded image at a time
        picture = row[image]
        if not hasattr(picture, "convert"):
            raise UserError(f"{title}: row {index} of {image!r} is a {type(picture).__name__}, not an image")
        pixels[index] = fitted(picture, size, channels, fit)
    if label is None:
        return ImageSet(torch.from_numpy(pixels), name=title)
    labels, names = _labels(list(dataset[label]), features[label], title)
    return ImageSet(torch.from_numpy(pixels), labels, class_names=names, name=title)


def _column(features: Any, given: str, kind: str, title: str, *, optional: bool = False) -> str | None:
    if given:
        if given not in features:
            raise unknown("column", given, list(features))
        return given
    found = [name for name, feature in features.items() if type(feature).__name__ == kind]
    if not found and not optional:
        raise UserError(f"{title}: no column of type {kind} among {', '.join(features)}; name one")
    return found[0] if found else None


def _labels(values: list[Any], feature: Any, title: str) -> tuple[torch.Tensor, tuple[str, ...]]:
    """Classes 0, 1, ... with their names; of a ClassLabel its own, of others the sorted values."""
    names = getattr(feature, "names", None)
    if names:
        missing = sum(value is None or value < 0 for value in values)
        if missing:
            raise UserError(
                f"{title}: {missing} of {len(values)} rows have no label; pass another split, or label=None"
            )
        return torch.tensor(values), tuple(names)
    ids = class_ids(values)
    return torch.tensor([ids[value] for value in values]), tuple(map(str, ids))
