"""Load an encoder by its name on the command line: FILE.py:FUNCTION, or the folder of a `metaclr train`."""

from __future__ import annotations

from pathlib import Path
from typing import TYPE_CHECKING

from metaclr.errors import UserError
from metaclr.files import is_file
from metaclr.python_files import run_file

if TYPE_CHECKING:
    from torch import nn


def find_encoder(name: str, *, channels: int, size: int) -> nn.Module:
    """The encoder that `name` refers to: FILE.py:FUNCTION, or a folder of `metaclr train`.

    Args:
        channels: 1 or 3. size: pixels of either side.

    Raises:
        UserError: no such file, function or folder; a function that returns no module; weights that do not fit.
    """
    if ".py:" in name:
        return _from_function(name)
    from metaclr.networks.saved_encoder import NAME, load_encoder

    folder = Path(name)
    if not is_file(folder / NAME):
        raise UserError(f"encoder {name!r}: neither FILE.py:FUNCTION nor a folder with {NAME} (metaclr train)")
    return load_encoder(folder, channels=channels, size=size)


def _from_function(name: str) -> nn.Module:
    from torch import nn

    file, _, function = name.rpartition(":")
    what = f"encoder {name!r}"
    module = run_file(Path(file), what)
    build = getattr(module, function, None)
    if not callable(build):
        raise UserError(f"{what}: {file} has no function {function!r}")
    try:
        encoder = build()
    except (Exception, SystemExit) as error:
        raise UserError(f"{what}: {type(error).__name__}: {' '.join(str(error).split())}") from error
    if not isinstance(encoder, nn.Module):
        raise UserError(f"{what}: returned {type(encoder).__name__}, not a torch.nn.Module")
    return encoder
