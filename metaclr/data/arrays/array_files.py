"""Arrays from .npy beside its labels, .mat of MATLAB, .pt of PyTorch: images and labels by name, nothing executed."""

from __future__ import annotations

import re
from pathlib import Path
from typing import Any

import numpy as np

from metaclr.console import notify
from metaclr.data.arrays.pickled_sets import arrays_of_object
from metaclr.data.arrays.safe_pickle import read_pickle
from metaclr.data.lists.csv_lists import part_in_file_name
from metaclr.errors import UserError

_LABEL_WORDS = ("labels", "label", "targets", "target", "y")
_IMAGE_WORDS = ("images", "image", "imgs", "data", "pixels", "x")
_LABEL_ENDINGS = (".npy", ".csv", ".txt", ".pkl", ".pickle")


def label_files(path: Path) -> list[Path]:
    """The files beside an array of images that hold its labels: images.npy and labels.npy, x_train and y_train."""
    stem = path.stem
    stems = [f"{stem}_labels", f"{stem}_label", f"{stem}-labels", f"{stem}labels"]
    for word in _IMAGE_WORDS:
        found = re.search(rf"(?<![a-z]){word}(?![a-z])", stem, re.IGNORECASE)
        if found:
            stems += [stem[: found.start()] + label + stem[found.end() :] for label in _LABEL_WORDS]
    part = part_in_file_name(stem)
    if part is None:
        stems += list(_LABEL_WORDS)
    wanted = {s.lower() for s in stems} - {stem.lower()}
    beside = (p for p in path.parent.iterdir() if p.stem.lower() in wanted and p.suffix.lower() in _LABEL_ENDINGS)
    return sorted(p for p in beside if p != path and p.is_file())


def npy_arrays(path: Path) -> dict[str, Any]:
    """Images of an .npy file, and the labels of the file beside it, if there is one.

    Raises:
        UserError: a damaged file, an array of Python objects, several files that may hold the labels.
    """
    arrays: dict[str, Any] = {"images": _npy(path)}
    beside = label_files(path)
    if not beside:
        notify(f"metaclr: {path}: no file of labels beside it, such as {path.stem}_labels.npy; read without labels")
    if len(beside) > 1:
        raise UserError(f"{path}: {' and '.join(p.name for p in beside)} may both hold its labels; move one away")
    if beside:
        arrays["labels"] = _labels(beside[0])
    return arrays


def mat_arrays(path: Path) -> dict[str, Any]:
    """The variables of a MATLAB file of version 5 to 7. Label 10 of SVHN (X and y) is the digit 0, as in torchvision.

    Raises:
        UserError: a damaged file, or one of version 7.3.
    """
    from scipy.io import loadmat

    try:
        stored = loadmat(str(path), squeeze_me=False)
    except NotImplementedError as error:
        raise UserError(f"{path}: a MATLAB file of version 7.3 (HDF5); save it with save(..., '-v7')") from error
    except Exception as error:  # a damaged file raises anything
        raise UserError(f"{path}: not a readable MATLAB file ({' '.join(str(error).split())})") from error
    arrays = {key: value for key, value in stored.items() if not key.startswith("__")}
    for key, value in arrays.items():
        if isinstance(value, np.ndarray) and value.dtype.kind == "O":
            cells = value.ravel()
            arrays[key] = np.array([str(np.asarray(v).ravel()[0]) if np.size(v) == 1 else str(v) for v in cells])
        elif isinstance(value, np.ndarray) and value.ndim == 2 and value.shape[0] == 1 and value.shape[1] > 1:
            arrays[key] = value[0]
    if set(arrays) == {"X", "y"} and arrays["y"].max() == 10 and arrays["y"].min() == 1:
        arrays["y"] = arrays["y"] % 10
    return arrays


def torch_arrays(path: Path) -> dict[str, Any]:
    """Tensors of a .pt file: (images, labels), or a dictionary of them; only tensors are loaded.

    Raises:
        UserError: a damaged file, or one that holds more than tensors.
    """
    import torch

    try:
        stored = torch.load(path, map_location="cpu", weights_only=True)
    except Exception as error:
        raise UserError(
            f"{path}: not read; metaclr loads only tensors, lists and dictionaries from .pt files; save"
            " (images, labels) with torch.save"
        ) from error
    return arrays_of_object(_without_tensors(stored), path)


def _without_tensors(stored: Any) -> Any:
    import torch

    if isinstance(stored, torch.Tensor):
        return stored.numpy()
    if isinstance(stored, dict):
        return {key: _without_tensors(value) for key, value in stored.items()}
    if isinstance(stored, (list, tuple)):
        return [_without_tensors(value) for value in stored]
    return stored


def _npy(path: Path) -> Any:
    try:
        return np.load(path, allow_pickle=False)
    except (OSError, ValueError, EOFError) as error:
        raise UserError(f"{path}: not a readable .npy file ({' '.join(str(error).split())})") from error


def _labels(path: Path) -> Any:
    if path.suffix.lower() == ".npy":
        return _npy(path)
    if path.suffix.lower() in (".pkl", ".pickle"):
        stored = read_pickle(path)
        if isinstance(stored, dict):
            stored = next((stored[k] for k in ("label_specific", "labels", "label", "targets") if k in stored), None)
        if stored is None:
            raise UserError(f"{path}: has no 'labels'")
        return np.asarray(stored)
    lines = [line.strip() for line in path.read_text(encoding="utf-8-sig").splitlines() if line.strip()]
    cells = [line.replace(";", ",").split(",")[-1].strip() for line in lines]
    if len(cells) > 1 and cells[0].lower() in _LABEL_WORDS:
        cells = cells[1:]
    if all(re.fullmatch(r"-?\d+", cell) for cell in cells):
        return np.array(cells, dtype=np.int64)
    return np.array(cells)
