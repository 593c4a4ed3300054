"""Special code is entered from named files only, so that a reader may skip it."""

from __future__ import annotations

import ast
from pathlib import Path

import pytest

import metaclr

ROOT = Path(metaclr.__file__).parent


def imported_modules(path: Path) -> set[str]:
    """Full names of the modules that a file imports, inside functions too."""
    modules: set[str] = set()
    for node in ast.walk(ast.parse(path.read_text(encoding="utf-8"))):
        if isinstance(node, ast.Import):
            modules |= {alias.name for alias in node.names}
        elif isinstance(node, ast.ImportFrom) and node.module:
            modules |= {node.module, *(f"{node.module}.{alias.name}" for alias in node.names)}
    return modules


@pytest.mark.parametrize(
    ("room", "users"),
    [
        ("metaclr.networks.fast_conv4", {"networks/block.py"}),
        ("metaclr.engine.cuda_graph", {"engine/train.py", "measure/training.py"}),
    ],
)
def test_only_its_users_import_it(room: str, users: set[str]) -> None:
    folder = ROOT / Path(*room.split(".")[1:])
    importers = {
        path.relative_to(ROOT).as_posix()
        for path in ROOT.rglob("*.py")
        if folder not in path.parents and any(name.startswith(room) for name in imported_modules(path))
    }
    assert importers == users
