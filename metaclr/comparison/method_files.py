"""A method by what a user may give: a shipped name, their own object, or their own file."""

from __future__ import annotations

import hashlib
from collections.abc import Mapping
from dataclasses import replace
from pathlib import Path

from metaclr.errors import UserError
from metaclr.methods import Method, get
from metaclr.python_files import run_file


def find_method(name: str | Method, own: Mapping[str, Method] | None = None) -> Method:
    """A `Method` by shipped name, from the caller's own mapping, or from a .py file that defines METHOD.

    Raises:
        UserError: no such method (with the nearest name), or a file that does not define one.
    """
    if isinstance(name, Method):
        return name
    if own and name in own:
        return replace(own[name], name=name)
    if name.endswith(".py"):
        return from_file(Path(name))
    return get(name)


def from_file(path: Path) -> Method:
    """The METHOD of a Python file, named after the file.

    Raises:
        UserError: no such file, it does not run, or it has no METHOD.
    """
    what = f"method file {str(path)!r}"
    module = run_file(path, what)
    method = getattr(module, "METHOD", None)
    if not isinstance(method, Method):
        raise UserError(f"{what}: defines no METHOD = metaclr.Method(...)")
    return replace(method, name=path.stem)


def source_hash(name: str) -> str:
    """Hash of the text of a method file; empty where the file cannot be read."""
    try:
        return hashlib.sha256(Path(name).read_bytes()).hexdigest()
    except OSError:
        return ""
