"""Image sets in pickles: miniImageNet caches, CIFAR batches, {class: images}, (images, labels)."""

from __future__ import annotations

from collections.abc import Mapping
from pathlib import Path
from typing import Any

import numpy as np

from metaclr.data.arrays.array_keys import array_groups
from metaclr.data.arrays.safe_pickle import read_pickle
from metaclr.errors import UserError

_KNOWN = (
    "known are {image_data, class_dict}, {data, labels}, {class: images}, (images, labels) and CIFAR's batches;"
    " save it with numpy.savez(path, images=..., labels=...)"
)


def pickled_arrays(path: Path) -> dict[str, Any]:
    """The arrays of a pickle under the keys of `array_set.set_of_arrays`.

    Raises:
        UserError: a pickle that is damaged, would run code, or holds something else.
    """
    return arrays_of_object(read_pickle(path), path)


def arrays_of_object(stored: Any, path: Path) -> dict[str, Any]:
    """As `pickled_arrays`, of what the file holds."""
    if isinstance(stored, (tuple, list)) and len(stored) == 2:
        return {"images": _array(stored[0], path), "labels": _array(stored[1], path)}
    if isinstance(stored, np.ndarray):
        return {"images": stored}
    if not isinstance(stored, Mapping):
        raise UserError(f"{path}: holds a {type(stored).__name__}, which is no image set; {_KNOWN}")
    found = {_text(key): value for key, value in stored.items()}
    if "image_data" in found and "class_dict" in found:
        return _cache(found["image_data"], found["class_dict"], path)
    if "data" in found and np.ndim(found["data"]) == 2 and np.shape(found["data"])[1] in (3072, 784):
        return _batch(found)
    listed = next((found[key] for key in ("label2catname", "label_names") if key in found), None)
    names = {} if listed is None else {"class_names": name_list(listed)}
    if not names and isinstance(found.get("catname2label"), Mapping):
        by_label = sorted(found["catname2label"].items(), key=lambda item: item[1])
        names = {"class_names": [_text(name) for name, _ in by_label]}
    if (
        found
        and all(isinstance(v, (np.ndarray, list)) and np.ndim(v) in (3, 4) for v in found.values())
        and not _is_flat(found, path)
    ):
        return _by_class(found)
    return {key: _array(v, path) for key, v in found.items() if isinstance(v, (np.ndarray, list, tuple))} | names


def _array(value: Any, path: Path) -> Any:
    """A list as an array. Raises UserError for one of arrays that differ in shape."""
    try:
        return np.asarray(value)
    except ValueError as error:
        raise UserError(f"{path}: holds arrays of different shapes where one array is needed; {_KNOWN}") from error


def _is_flat(found: dict[str, Any], path: Path) -> bool:
    """Whether the keys are those of images and labels, not of classes."""
    try:
        return bool(array_groups(found, str(path)))
    except UserError:
        return False


def _cache(images: Any, classes: Any, path: Path) -> dict[str, Any]:
    """miniImageNet's: image_data (M, 84, 84, 3), class_dict {class: indices of its images}."""
    labels = np.full(len(images), -1)
    names = list(classes)
    for label, name in enumerate(names):
        labels[np.asarray(classes[name], dtype=np.int64)] = label
    if (labels < 0).any():
        raise UserError(f"{path}: {(labels < 0).sum()} of {len(images)} images are in no class of class_dict")
    return {"images": np.asarray(images), "labels": labels, "class_names": [_text(name) for name in names]}


def _batch(found: dict[str, Any]) -> dict[str, Any]:
    """CIFAR's: data (M, 3072), color by color; labels, or fine_labels; filenames."""
    data = np.asarray(found["data"])
    shape = (-1, 3, 32, 32) if data.shape[1] == 3072 else (-1, 28, 28)
    arrays: dict[str, Any] = {"images": data.reshape(shape)}
    label = next((key for key in ("labels", "fine_labels", "targets", "coarse_labels") if key in found), None)
    if label:
        arrays["labels"] = np.asarray(found[label])
    if "filenames" in found:
        arrays["files"] = [_text(name) for name in found["filenames"]]
    return arrays


def _by_class(found: dict[str, Any]) -> dict[str, Any]:
    """{class: images (n, H, W) or (n, H, W, 3)}."""
    images = [np.asarray(value) for value in found.values()]
    labels = np.repeat(np.arange(len(images)), [len(one) for one in images])
    return {"images": np.concatenate(images), "labels": labels, "class_names": list(found)}


def name_list(value: Any) -> list[str]:
    """Class names in the order of their labels, from a list or from {label: name}."""
    if isinstance(value, Mapping):
        return [_text(value[key]) for key in sorted(value)]
    return [_text(name) for name in value]


def _text(value: Any) -> str:
    return value.decode("utf-8", "replace") if isinstance(value, bytes) else str(value)
