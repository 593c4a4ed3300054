"""Python files that a recipe names: run as the user's own, but from a results folder only on request."""

from __future__ import annotations

from collections.abc import Mapping
from pathlib import Path

from metaclr.errors import UserError
from metaclr.recipe import read

RESULTS = ("rows.csv", "about.json", "runs", "report.html")
"""What a results folder has beside its recipe."""


def check_trust(recipe: Path, *, trust: bool) -> None:
    """Refuse to run Python files that a recipe in a results folder names: such a folder may come from somebody else.

    A file that the user names (`--methods mine.py`), or a recipe elsewhere names, runs without a question.

    Args:
        recipe: a TOML file. trust: run them.

    Raises:
        UserError: names the file, and the option to run it.
    """
    if trust or not any((recipe.parent / name).exists() for name in RESULTS):
        return
    entries = read(recipe).get("methods", ())
    if not isinstance(entries, (list, tuple)):
        return  # the recipe's model says what is wrong
    for entry in entries:
        name = str(entry.get("name", "")) if isinstance(entry, Mapping) else str(entry)
        if name.endswith(".py"):
            raise UserError(
                f"{recipe} lies in a results folder and names the Python file {name!r}, which would be run; "
                "read that file, then add --trust (trust=True)"
            )
