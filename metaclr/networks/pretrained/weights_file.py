"""Read a file of weights: safetensors, or a file of `torch.save` without unpickling anything but tensors."""

from __future__ import annotations

import warnings
from collections.abc import Mapping
from pathlib import Path
from typing import Any

import torch
from torch import Tensor

from metaclr.errors import UserError

ENDINGS = (".safetensors", ".pt", ".pth", ".bin", ".ckpt", ".tar")
"""Endings of files of weights, in lower case."""

_NESTED = ("state_dict", "model_state_dict", "model", "model_state", "net", "network", "teacher", "student", "params",
           "params_ema", "encoder", "module")  # fmt: skip
"""Entries of a checkpoint that hold the weights, best first."""


def is_weights_file(name: str) -> bool:
    """Whether a name ends like a file of weights."""
    return name.lower().endswith(ENDINGS)


def read_weights(path: Path) -> tuple[dict[str, Tensor], str]:
    """The tensors of a file by name, and the entry of the checkpoint that holds them ("" for the file itself).

    Nothing of the file is executed: safetensors holds no code, and other files are read by
    `torch.load(weights_only=True)`.

    Raises:
        UserError: no such file, a damaged one, one that needs other Python objects, or one without tensors.
    """
    if not path.is_file():
        raise UserError(f"weights {path}: no such file")
    stored = _safetensors(path) if path.suffix.lower() == ".safetensors" else _torch(path)
    return _tensors(path, stored)


def _safetensors(path: Path) -> dict[str, Tensor]:
    from safetensors import SafetensorError
    from safetensors.torch import load_file

    try:
        return load_file(path)
    except (SafetensorError, OSError, ValueError) as error:
        raise UserError(f"weights {path}: cannot be read as safetensors: {_line(error)}") from error


def _torch(path: Path) -> Any:
    from pickle import UnpicklingError

    try:
        with warnings.catch_warnings():
            warnings.simplefilter("ignore")  # on old formats; what is read is checked below
            return torch.load(path, map_location="cpu", weights_only=True)
    except UnpicklingError as error:
        if "nsupported global" not in str(error) and "nsupported class" not in str(error):
            raise UserError(f"weights {path}: cannot be read by torch.load: damaged, or no file of weights") from error
        raise UserError(
            f"weights {path}: holds more than tensors, and loading that may run any program; where you trust the file,"
            " save its state_dict() alone, best with safetensors.torch.save_file"
        ) from error
    except Exception as error:  # torch.load raises anything on damaged files
        raise UserError(f"weights {path}: cannot be read by torch.load: {_line(error)}") from error


def _tensors(path: Path, stored: Any) -> tuple[dict[str, Tensor], str]:
    """Descend to the entry with tensors: the best known one, or the only one that has some."""
    entry: list[str] = []
    while isinstance(stored, Mapping):
        here = {str(name): value for name, value in stored.items() if isinstance(value, Tensor)}
        inner = {str(name): value for name, value in stored.items() if isinstance(value, Mapping) and value}
        known = next((name for name in _NESTED if name in inner), None)
        if known is None and not here and len(inner) == 1:
            known = next(iter(inner))
        if known is None or len(here) > 2:
            break
        entry.append(known)
        stored = inner[known]
    if not isinstance(stored, Mapping) or not here:
        raise UserError(f"weights {path}: holds no tensors by name; save the network's state_dict()")
    return here, ".".join(entry)


def _line(error: BaseException) -> str:
    return " ".join(str(error).split())[:200] or type(error).__name__
