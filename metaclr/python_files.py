"""Running a user's Python file as a module, for custom methods and encoders."""

from __future__ import annotations

import hashlib
import re
import sys
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
    spec = spec_from_file_location(_module_name(path), path)
    if spec is None or spec.loader is None:
        raise UserError(f"{what}: not a Python file")
    module = module_from_spec(spec)
    sys.modules[spec.name] = module  # dataclasses with postponed annotations look their module up
    try:
        # Compiled each time: bytecode counts as current where a file changed within a second to the same size.
        exec(compile(path.read_bytes(), str(path), "exec", dont_inherit=True), module.__dict__)
    except (Exception, SystemExit) as error:
        del sys.modules[spec.name]
        raise UserError(f"{what}: {type(error).__name__}: {' '.join(str(error).split())}") from error
    return module


def _module_name(path: Path) -> str:
    """A name that no installed module has: the file's stem and a hash of its path and content."""
    content = str(path.absolute()).encode() + path.read_bytes()
    return f"metaclr_file_{re.sub(r'[^A-Za-z0-9]', '_', path.stem)}_{hashlib.sha256(content).hexdigest()[:12]}"
