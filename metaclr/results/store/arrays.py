"""Named arrays in one .npz, written atomically and as the same bytes for the same arrays."""

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


def write_arrays(path: Path, arrays: Mapping[str, NDArray[Any]], *, compress: bool = False) -> None:
    """Write arrays by name. As np.savez does, but a name may be any, `file` included."""
    import numpy as np

    buffer = io.BytesIO()
    how = zipfile.ZIP_DEFLATED if compress else zipfile.ZIP_STORED
    with zipfile.ZipFile(buffer, "w", how) as archive:
        for key, array in arrays.items():
            with archive.open(f"{key}.npy", "w") as entry:
                np.lib.format.write_array(entry, array)
    write_atomic(path, buffer.getvalue())


def read_arrays(path: Path, what: str) -> dict[str, NDArray[Any]]:
    """Read one .npz, or every .npz of a folder; a missing one is empty.

    Raises:
        UserError: a file that is not a whole .npz of `what`.
    """
    import numpy as np

    files = sorted(path.glob("*.npz")) if path.is_dir() else [path] if path.is_file() else []
    arrays: dict[str, NDArray[np.generic]] = {}
    for file in files:
        try:
            with np.load(file, allow_pickle=False) as stored:
                arrays.update({key: stored[key] for key in stored.files})
        except (OSError, ValueError, zipfile.BadZipFile) as error:
            raise UserError(f"{file}: not a readable .npz of {what}: {error}") from error
    return arrays
