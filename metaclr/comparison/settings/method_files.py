"""A method by what a user may give: a shipped name, their own object, or their own file."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import replace
from pathlib import Path
from tempfile import TemporaryDirectory

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
    if not isinstance(name, str):
        raise UserError(f"method {name!r} must be a name, the path of a .py file, or a Method")
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


def method_text(name: str | Method) -> str:
    """Text of the file that declares a method; empty for a method that is not given as a .py file.

    Raises:
        UserError: the file cannot be read as UTF-8.
    """
    if isinstance(name, Method) or not name.endswith(".py"):
        return ""
    try:
        return Path(name).read_text(encoding="utf-8")
    except (OSError, UnicodeDecodeError) as error:
        raise UserError(f"method file {name!r}: {getattr(error, 'strerror', None) or error}") from error


def from_text(name: str, text: str) -> Method:
    """The METHOD of a file's text, on a machine or at a time at which the file may be another.

    Args:
        name: path of the file, whose stem names the method.

    Raises:
        UserError: as `from_file`.
    """
    with TemporaryDirectory() as folder:
        path = Path(folder) / Path(name).name
        path.write_text(text, encoding="utf-8")
        return from_file(path)
