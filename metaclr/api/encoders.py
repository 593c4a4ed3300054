"""Load an encoder by its name on the command line: FILE.py:FUNCTION, or the folder of a `metaclr train`."""

from __future__ import annotations

import tomllib
from pathlib import Path
from typing import TYPE_CHECKING

from metaclr.errors import UserError
from metaclr.python_files import run_file

if TYPE_CHECKING:
    from torch import nn


def find_encoder(name: str, *, channels: int, size: int) -> nn.Module:
    """The encoder that `name` refers to: FILE.py:FUNCTION, or a folder of `metaclr train`.

    Args:
        channels: 1 or 3. size: pixels of either side.

    Raises:
        UserError: no such file, function or run; a function that returns no module; weights that do not fit.
    """
    if ".py:" in name:
        return _from_function(name)
    folder = Path(name)
    if not (folder / "encoder.pt").is_file():
        raise UserError(f"encoder {name!r}: neither FILE.py:FUNCTION nor a folder with encoder.pt (metaclr train)")
    return _from_run(folder, channels, size)


def _from_function(name: str) -> nn.Module:
    from torch import nn

    file, _, function = name.rpartition(":")
    what = f"encoder {name!r}"
    module = run_file(Path(file), what)
    try:
        encoder = getattr(module, function)()
    except Exception as error:
        raise UserError(f"{what}: {type(error).__name__}: {error}") from error
    if not isinstance(encoder, nn.Module):
        raise UserError(f"{what}: returned {type(encoder).__name__}, not a torch.nn.Module")
    return encoder


def _from_run(folder: Path, channels: int, size: int) -> nn.Module:
    import torch

    from metaclr.networks import build_encoder

    facts = tomllib.loads((folder / "encoder.toml").read_text(encoding="utf-8"))
    if (facts["channels"], facts["size"]) != (channels, size):
        raise UserError(
            f"encoder {folder}: takes --channels {facts['channels']} --size {facts['size']}, not {channels} and {size}"
        )
    encoder = build_encoder(facts["name"], channels, size, seed=0, **facts["options"])
    try:
        encoder.load_state_dict(torch.load(folder / "encoder.pt", weights_only=True, map_location="cpu"))
    except Exception as error:
        raise UserError(f"{folder / 'encoder.pt'}: cannot be read as weights of {facts['name']}: {error}") from error
    return encoder
