"""Running a user's Python file as a module, for custom methods and encoders."""

from __future__ import annotations

from importlib.util import module_from_spec, spec_from_file_location
from pathlib import Path
from types import ModuleType

from metaclr.errors import UserError
from metaclr.files import is_file


def run_file(path: Path, what: str) -> ModuleType:
    """Run a Python file and return it as a module.

    Args:
        what: begins every error line, such as "method file 'mine.py'".

    Raises:
        UserError: no such file, not a Python file, or an exception while it runs (with its message).
    """
    if not is_file(path):
        raise UserError(f"{what}: no such file")
    spec = spec_from_file_location(path.stem, path)
    if spec is None or spec.loader is None:
        raise UserError(f"{what}: not a Python file")
    module = module_from_spec(spec)
    try:
        spec.loader.exec_module(module)
    except (Exception, SystemExit) as error:
        raise UserError(f"{what}: {type(error).__name__}: {' '.join(str(error).split())}") from error
    return module
