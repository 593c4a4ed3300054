"""A trained encoder as one file: its weights as safetensors, with the description that rebuilds the network.

Reading such a file executes nothing, whoever wrote it.
"""

from __future__ import annotations

from pathlib import Path
from typing import Any

import torch
from pydantic import BaseModel, ConfigDict, Field, ValidationError
from torch import nn

from metaclr.errors import UserError
from metaclr.files import write_atomic

NAME = "encoder.safetensors"
_KEY = "metaclr.encoder"


class EncoderDescription(BaseModel):
    """What `build_encoder` needs to build the network."""

    model_config = ConfigDict(extra="forbid", frozen=True)

    name: str
    options: dict[str, Any] = Field(default_factory=dict)
    channels: int = Field(ge=1)
    size: int = Field(ge=1)


def save_encoder(encoder: nn.Module, description: EncoderDescription, folder: Path) -> Path:
    """Write weights, buffers and description to the folder's `encoder.safetensors`.

    Raises:
        OSError: the folder cannot be written or the disk is full.
    """
    from safetensors.torch import save

    # safetensors stores contiguous tensors that share no memory.
    tensors = {name: value.detach().cpu().contiguous().clone() for name, value in encoder.state_dict().items()}
    path = folder / NAME
    write_atomic(path, save(tensors, {_KEY: description.model_dump_json()}))
    return path


def load_encoder(folder: Path, *, channels: int, size: int) -> nn.Module:
    """The encoder that `save_encoder` wrote, on the CPU, for images (channels, size, size).

    Raises:
        UserError: no such file, one that is damaged or not ours, or an encoder for other images; names file and field.
    """
    path = folder / NAME
    description, weights = _read(path)
    if (description.channels, description.size) != (channels, size):
        raise UserError(
            f"{path}: for images of --channels {description.channels} --size {description.size}, "
            f"not {channels} and {size}"
        )
    return _built(path, description, weights)


def open_encoder(path: Path) -> tuple[nn.Module, EncoderDescription]:
    """The encoder of a file that `save_encoder` wrote, on the CPU, and its description. Nothing is executed.

    Raises:
        UserError: no such file, one that is damaged or not ours; names file and field.
    """
    description, weights = _read(path)
    return _built(path, description, weights), description


def is_saved_encoder(path: Path) -> bool:
    """Whether a file is one that `save_encoder` wrote, by its header alone."""
    from safetensors import SafetensorError, safe_open

    try:
        with safe_open(path, "pt") as file:
            return _KEY in (file.metadata() or {})
    except (SafetensorError, OSError, ValueError):
        return False


def _built(path: Path, description: EncoderDescription, weights: dict[str, torch.Tensor]) -> nn.Module:
    """The network that a file describes, with its weights."""
    from metaclr.networks.encoders import build_encoder

    try:
        encoder = build_encoder(description.name, description.channels, description.size, seed=0, **description.options)
    except Exception as error:  # an option of a wrong type may fail anywhere in a builder of another library
        raise UserError(f"{path}: {_line(error)}") from error
    dtypes = {value.dtype for value in weights.values() if value.is_floating_point()}
    if torch.float64 in dtypes:  # trained with precision = "fp64"
        encoder.double()
    _check_fits(path, encoder, weights)
    encoder.load_state_dict(weights)
    return encoder


def _read(path: Path) -> tuple[EncoderDescription, dict[str, torch.Tensor]]:
    from safetensors import SafetensorError, safe_open

    try:
        with safe_open(path, "pt") as file:
            text = (file.metadata() or {}).get(_KEY)
            weights = {name: file.get_tensor(name) for name in file.keys()}  # noqa: SIM118 - not a dict
    except (SafetensorError, OSError, ValueError) as error:
        raise UserError(f"{path}: cannot be read as safetensors: {_line(error)}") from error
    if text is None:
        raise UserError(f"{path}: has no description {_KEY!r}; it was not written by `metaclr train`")
    try:
        return EncoderDescription.model_validate_json(text), weights
    except ValidationError as error:
        first = error.errors()[0]
        field = ".".join(map(str, first["loc"])) or "description"
        raise UserError(f"{path}: {field}: {_line(first['msg'])}") from None


def _check_fits(path: Path, encoder: nn.Module, weights: dict[str, torch.Tensor]) -> None:
    expected = {name: tuple(value.shape) for name, value in encoder.state_dict().items()}
    stored = {name: tuple(value.shape) for name, value in weights.items()}
    for name in [*expected, *stored]:
        if expected.get(name) != stored.get(name):
            raise UserError(
                f"{path}: {name} is {stored.get(name, 'missing')}, the network it names needs "
                f"{expected.get(name, 'no such tensor')}; the file is damaged or was changed"
            )


def _line(error: Any) -> str:
    return " ".join(str(error).split())[:200] or type(error).__name__
