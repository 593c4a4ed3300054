"""metaclr's exchange format: one .npz per data set.

images       uint8, (M, H, W) gray or (M, H, W, 3) color
labels       int64, (M,), index into class_names; may be missing, never -1
class_names  str, (classes,); may be missing
groups       str, (classes,), super-class, script or alphabet of each class; may be missing
split        str, (M,), "train", "val" or "test"; may be missing
files        str, (M,), the file that each image was; may be missing
caption      str, (M,), the text of each image; may be missing
Other keys with one value an image, which repeats (drawer, ...), are its attributes; others are left alone.
Write one with `numpy.savez(path, images=..., labels=..., ...)`.
Other shapes, labels and keys (MedMNIST's train_images, Keras' x_train) are read where they can mean one thing only.
"""

from __future__ import annotations

import zipfile
from pathlib import Path

import numpy as np

from episodes import ImageSet
from episodes.npy import read_header
from metaclr.data.arrays.array_keys import array_groups, other_keys
from metaclr.data.arrays.array_set import set_of_arrays, used_keys
from metaclr.data.arrays.packed import large_images
from metaclr.data.scratch import Allocate
from metaclr.errors import UserError


def npz_counts(path: Path) -> tuple[int, int]:
    """Classes and images of an .npz file, without reading its pixels; (0, 0) if it cannot be read."""
    try:
        with np.load(path, allow_pickle=False) as stored, zipfile.ZipFile(path) as archive:
            groups, images = array_groups(stored.files, str(path)), 0
            for group in groups:
                with archive.open(f"{group.images}.npy") as member:
                    images += int(read_header(member)[0][0])  # type: ignore[arg-type]
            names = other_keys(stored.files).get("class_names")
            if names:
                return len(stored[names]), images
            labels = [np.unique(stored[group.labels]) for group in groups if group.labels]
            return len(np.unique(np.concatenate(labels))) if labels else 0, images
    except Exception:  # whatever zip and npy readers raise on a damaged file: it is listed as unreadable
        return 0, 0


def _shape(path: Path, key: str) -> tuple[int, ...]:
    """The shape of one array of a file, by its header."""
    with zipfile.ZipFile(path) as archive, archive.open(f"{key}.npy") as member:
        return read_header(member)[0]  # type: ignore[arg-type]


def read_npz(
    path: Path,
    name: str | None = None,
    allocate: Allocate | None = None,
    pixel_range: tuple[float, float] | None = None,
) -> ImageSet:
    """Read an .npz file; images become (M, C, H, W). More than 1 GiB of them, stored uncompressed, stay in it.

    allocate: gives the array into which larger ones are unpacked that are compressed; by default, memory.
    pixel_range: for other pixels than uint8.

    Raises:
        UserError: a file that is missing, damaged, or no image set: label -1, NaN or float pixels, lengths that
            disagree, an empty set. One line, naming the file.
    """
    try:
        with np.load(path, allow_pickle=False) as stored:
            large = large_images(path, allocate) if pixel_range is None else None
            known = {} if large is None else {"images": large}
            used = used_keys(stored.files, str(path))
            arrays = {key: known[key] if key in known else stored[key] for key in stored.files if key in used}
            unread = [key for key in stored.files if key not in used]
            arrays |= {key: stored[key] for key in unread if len(_shape(path, key)) == 1}
    except UserError:
        raise
    except FileNotFoundError as error:
        raise UserError(f"{path}: no such file") from error
    except (OSError, ValueError, EOFError, KeyError, zipfile.BadZipFile) as error:
        hint = "; save strings as labels.astype(str)" if "allow_pickle" in str(error) else ""
        raise UserError(f"{path}: not a readable .npz file ({error}){hint}") from error
    except Exception as error:
        raise UserError(f"{path}: damaged ({error})") from error
    return set_of_arrays(arrays, name or path.stem, str(path), pixel_range, unread)
