"""Per-item results beside the rows: one accuracy per episode, one 0/100 per image. Paired tests need them."""

from __future__ import annotations

import io
import zipfile
from collections.abc import Mapping
from pathlib import Path
from typing import TYPE_CHECKING, Any

from metaclr.errors import UserError
from metaclr.files import write_atomic

if TYPE_CHECKING:
    import numpy as np
    from numpy.typing import NDArray


def write_items(path: Path, items: Mapping[str, Any]) -> None:
    """Write arrays by row id into one .npz, atomically.

    Args:
        items: row id -> (n,) numbers, array or tensor (any device); kept as float32.

    Raises:
        UserError: an array that is not one-dimensional, is empty, or holds a value that is not finite.
    """
    import numpy as np

    arrays = {}
    for key, values in items.items():
        host = values.detach().cpu() if hasattr(values, "detach") else values
        array = np.asarray(host, dtype=np.float32)
        if array.ndim != 1 or array.size == 0 or not np.isfinite(array).all():
            raise UserError(f"per-item results of {key!r}: need (n,) finite numbers, got shape {array.shape}")
        arrays[key] = array
    buffer = io.BytesIO()
    # As np.savez does, but a key may have any name, `file` included.
    with zipfile.ZipFile(buffer, "w") as archive:
        for key, array in arrays.items():
            with archive.open(f"{key}.npy", "w") as entry:
                np.lib.format.write_array(entry, array)
    write_atomic(path, buffer.getvalue())


def read_items(path: Path) -> dict[str, NDArray[np.float32]]:
    """Read one .npz of per-item results, or every .npz of a folder; a missing one is empty.

    Returns:
        row id -> (n,) float32.

    Raises:
        UserError: a file that is not a whole .npz.
    """
    import numpy as np

    files = sorted(path.glob("*.npz")) if path.is_dir() else [path] if path.is_file() else []
    items: dict[str, NDArray[np.float32]] = {}
    for file in files:
        try:
            with np.load(file, allow_pickle=False) as stored:
                items.update({key: stored[key] for key in stored.files})
        except (OSError, ValueError, zipfile.BadZipFile) as error:
            raise UserError(f"{file}: not a readable .npz of per-item results: {error}") from error
    return items
