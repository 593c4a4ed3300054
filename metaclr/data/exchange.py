"""metaclr's exchange format: one .npz per data set.

images       uint8, (M, H, W) grey or (M, H, W, 3) colour
labels       int64, (M,), index into class_names; may be missing, never -1
class_names  str, (classes,); may be missing
groups       str, (classes,), super-class, script or alphabet of each class; may be missing
split        str, (M,), "train", "val" or "test"; may be missing
Other keys (drawer, ...) are left alone. Write one with `numpy.savez(path, images=..., labels=..., ...)`.
"""

from __future__ import annotations

import zipfile
from pathlib import Path
from typing import TYPE_CHECKING, Any

import numpy as np
import torch

from episodes import EpisodeError, Images, ImageSet, StoredImages
from episodes.npy import read_header
from metaclr.data.packed import large_images
from metaclr.data.scratch import Allocate
from metaclr.errors import UserError

if TYPE_CHECKING:
    from torch import Tensor


_KEYS = ("images", "labels", "class_names", "groups", "split")


def npz_counts(path: Path) -> tuple[int, int]:
    """Classes and images of an exchange file, without reading its pixels; (0, 0) if it cannot be read."""
    try:
        with np.load(path, allow_pickle=False) as stored, zipfile.ZipFile(path) as archive:
            with archive.open("images.npy") as member:
                images = int(read_header(member)[0][0])  # type: ignore[arg-type]
            if "class_names" in stored.files:
                return len(stored["class_names"]), images
            return (int(stored["labels"].max()) + 1 if "labels" in stored.files else 0), images
    except Exception:  # whatever zip and npy readers raise on a damaged file: it is listed as unreadable
        return 0, 0


def read_npz(path: Path, name: str | None = None, allocate: Allocate | None = None) -> ImageSet:
    """Read an exchange file; images become (M, C, H, W). More than 1 GiB of them, stored uncompressed, stay in it.

    allocate: gives the array into which larger ones are unpacked that are compressed; by default, memory.

    Raises:
        UserError: a file that is missing, damaged, or not of this format: label -1, NaN or float pixels, lengths
            that disagree, an empty set. One line, naming the file.
    """
    try:
        with np.load(path, allow_pickle=False) as stored:
            large = large_images(path, allocate)
            known = {} if large is None else {"images": large}
            arrays = {key: known[key] if key in known else stored[key] for key in stored.files if key in _KEYS}
    except UserError:
        raise
    except FileNotFoundError as error:
        raise UserError(f"{path}: no such file") from error
    except (OSError, ValueError, EOFError, KeyError, zipfile.BadZipFile) as error:
        raise UserError(f"{path}: not a readable .npz file ({error})") from error
    except Exception as error:
        raise UserError(f"{path}: damaged ({error})") from error
    return from_arrays(arrays, name or path.stem, str(path))


def from_arrays(arrays: dict[str, Any], name: str, where: str) -> ImageSet:
    """An image set from arrays by the keys of the format; `where` begins every error line."""
    if "images" not in arrays:
        raise UserError(f"{where}: has no array 'images'; it needs one, uint8 (M, H, W) or (M, H, W, 3)")
    images, labels = arrays["images"], arrays.get("labels")
    texts = {key: tuple(map(str, arrays.get(key, ()))) for key in ("class_names", "groups", "split")}
    try:
        return ImageSet(
            _pixels(images, where),
            None if labels is None else _labels(labels, where),
            class_names=texts["class_names"] if labels is not None else (),
            groups=texts["groups"] if labels is not None else (),
            split=texts["split"],
            name=name,
        )
    except EpisodeError as error:
        raise UserError(f"{where}: {error}") from error


def _pixels(images: Any, where: str) -> Images:
    if isinstance(images, (torch.Tensor, StoredImages)):  # large ones, checked where they were opened
        return images
    if images.dtype.kind == "f":
        bad = "NaN or infinite" if not np.isfinite(images).all() else "float"
        raise UserError(f"{where}: images are {bad} pixels; they must be uint8, 0 to 255")
    if images.dtype != np.uint8:
        raise UserError(f"{where}: images are {images.dtype}; they must be uint8, 0 to 255")
    if images.ndim == 3:
        images = images[:, None]
    elif images.ndim == 4 and images.shape[3] in (1, 3):
        images = images.transpose(0, 3, 1, 2)
    else:
        raise UserError(f"{where}: images are {images.shape}; they must be (M, H, W) or (M, H, W, 3)")
    return torch.from_numpy(np.ascontiguousarray(images))


def _labels(labels: Any, where: str) -> Tensor:
    if labels.dtype.kind not in "iu" or labels.ndim != 1:
        raise UserError(f"{where}: labels are {labels.dtype} {labels.shape}; they must be integers (M,)")
    return torch.from_numpy(labels.astype(np.int64))
