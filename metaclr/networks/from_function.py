"""A network that a user's function returns: FILE.py:FUNCTION or MODULE:FUNCTION."""

from __future__ import annotations

from importlib import import_module
from pathlib import Path

from torch import nn

from metaclr.errors import UserError
from metaclr.python_files import run_file


def network_from_function(name: str, what: str) -> nn.Module:
    """Call the function that `name` refers to, without arguments.

    Args:
        name: FILE.py:FUNCTION, or MODULE:FUNCTION of an installed module. what: begins every error line.

    Raises:
        UserError: no such file, module or function; a function that raises, or returns no module.
    """
    where, _, function = name.rpartition(":")
    if where.endswith(".py"):
        module = run_file(Path(where), what)
    else:
        try:
            module = import_module(where)
        except Exception as error:  # a user's module may raise anything
            raise UserError(f"{what}: cannot import {where!r}: {' '.join(str(error).split())}") from error
    build = getattr(module, function, None)
    if not callable(build):
        raise UserError(f"{what}: {where} has no function {function!r}")
    try:
        network = build()
    except (Exception, SystemExit) as error:
        raise UserError(f"{what}: {type(error).__name__}: {' '.join(str(error).split())}") from error
    if not isinstance(network, nn.Module):
        raise UserError(f"{what}: returned {type(network).__name__}, not a torch.nn.Module")
    return network
