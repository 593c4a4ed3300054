"""Per-item results beside the rows: one accuracy per episode, one 0/100 per image. Paired tests need them."""

from __future__ import annotations

from collections.abc import Mapping
from pathlib import Path
from typing import TYPE_CHECKING, Any

from metaclr.errors import UserError
from metaclr.results.store.arrays import read_arrays, write_arrays

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
    write_arrays(path, arrays)


def read_items(path: Path) -> dict[str, NDArray[np.float32]]:
    """Read one .npz of per-item results, or every .npz of a folder; a missing one is empty.

    Returns:
        row id -> (n,) float32.

    Raises:
        UserError: a file that is not a whole .npz.
    """
    return read_arrays(path, "per-item results")
