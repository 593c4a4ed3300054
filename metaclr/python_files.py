"""A user's own Python file, run as a module: where methods and encoders of their own come from."""

from __future__ import annotations

from importlib.util import module_from_spec, spec_from_file_location
from pathlib import Path
from types import ModuleType

from metaclr.errors import UserError


def run_file(path: Path, what: str) -> ModuleType:
    """Run a Python file and return it as a module.

    Args:
        what: begins every error line, such as "method file 'mine.py'".

    Raises:
        UserError: no such file, not a Python file, or it does not run (with what it raised).
    """
    if not path.is_file():
        raise UserError(f"{what}: no such file")
    spec = spec_from_file_location(path.stem, path)
    if spec is None or spec.loader is None:
        raise UserError(f"{what}: not a Python file")
    module = module_from_spec(spec)
    try:
        spec.loader.exec_module(module)
    except Exception as error:
        raise UserError(f"{what}: {type(error).__name__}: {error}") from error
    return module
