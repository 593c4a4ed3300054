"""Encoders that start from given weights: of a run of metaclr's, or of a file of weights."""

from __future__ import annotations

import hashlib
from functools import lru_cache
from pathlib import Path
from typing import TYPE_CHECKING

from metaclr.errors import UserError
from metaclr.networks.pretrained.matching import load_matching
from metaclr.networks.pretrained.weights_file import is_weights_file, read_weights
from metaclr.networks.saved_encoder import NAME

if TYPE_CHECKING:
    from torch import nn


def load_start(encoder: nn.Module, start: str) -> None:
    """Load the weights that `start` names into a new encoder.

    Tensors are matched by name behind any prefix, or by order (see `load_matching`); nothing is unpickled.

    Args:
        start: the folder of a run, its `encoder.safetensors`, or a file of weights.

    Raises:
        UserError: no such file, or weights that do not fit the encoder.
    """
    path = start_file(start)
    weights, _ = read_weights(path)
    load_matching(encoder, weights, f"encoder.start = {str(path)!r}")


def start_file(start: str) -> Path:
    """The file of weights that a folder or path names.

    Raises:
        UserError: there is none.
    """
    path = Path(start)
    try:
        if path.is_dir() and (path / NAME).is_file():
            return path / NAME
        if path.is_file() and is_weights_file(path.name):
            return path
        what = (
            f"a folder without {NAME}" if path.is_dir() else "no file of weights" if path.exists() else "no such file"
        )
    except (OSError, ValueError) as error:  # a name that is too long, or holds NUL
        what = str(error)
    raise UserError(
        f"encoder.start = {start!r}: {what}; name the folder of a `metaclr train`, results/NAME/runs/RUN, or a file of "
        "weights"
    )


def start_digest(start: str) -> str:
    """Hash of the file of weights: a training from other weights is another training, wherever the file lies.

    Raises:
        UserError: there is no such file.
    """
    path = start_file(start)
    found = path.stat()
    return _digest(path, found.st_mtime_ns, found.st_size)


@lru_cache(maxsize=16)
def _digest(path: Path, changed: int, size: int) -> str:
    """The time of change and the size are of the cache's key."""
    del changed, size
    with path.open("rb") as file:
        return hashlib.file_digest(file, "sha256").hexdigest()
