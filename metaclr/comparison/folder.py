"""The folder of a comparison: made, checked, and guarded against another recipe's results."""

from __future__ import annotations

import os
import tempfile
from pathlib import Path

from metaclr.errors import UserError
from metaclr.files import write_atomic
from metaclr.recipe import CompareRecipe, dump, read, resolve

MUTABLE_KEYS = {"name", "description", "methods", "seeds", "sources", "cluster"}
"""What a later run of the same folder may change: it only adds or leaves out runs, or runs them elsewhere."""


def open_folder(out: Path, recipe: CompareRecipe) -> None:
    """Make the folder, or check that it belongs to the same comparison, and write the resolved recipe into it.

    Raises:
        UserError: not writable, full, or holds the results of a recipe that differs in more than its runs.
    """
    _writable(out)
    path = out / "recipe.toml"
    if path.is_file():
        there = resolve(read(path))
        mine, theirs = (r.model_dump(mode="json", exclude=MUTABLE_KEYS) for r in (recipe, there))
        changed = sorted(_differences(theirs, mine))
        if changed:
            first = changed[0]
            more = f" and {len(changed) - 1} more" if len(changed) > 1 else ""
            raise UserError(f"{out} holds a comparison with another recipe ({first}{more}); name another --out")
    write_atomic(path, dump(recipe))


def check_shared_folder(out: Path) -> None:
    """Check, on a rank that does not write, that it sees the folder that the first rank has opened.

    Raises:
        UserError: it does not.
    """
    if not (out / "recipe.toml").is_file():
        raise UserError(f"--out {out}: not the same folder for every rank; name one that all machines share")


def _writable(out: Path) -> None:
    try:
        out.mkdir(parents=True, exist_ok=True)
        # A megabyte, really written: a full disk is better found now than after training.
        with tempfile.NamedTemporaryFile(dir=out, prefix=".probe-") as probe:
            probe.write(os.urandom(1 << 20))
            probe.flush()
            os.fsync(probe.fileno())
    except OSError as error:
        raise UserError(f"--out {out}: {error.strerror}") from error


def _differences(old: object, new: object, key: str = "") -> list[str]:
    if isinstance(old, dict) and isinstance(new, dict):
        return [
            line
            for name in sorted(old.keys() | new.keys())
            for line in _differences(old.get(name), new.get(name), f"{key}.{name}" if key else name)
        ]
    return [] if old == new else [f"{key} {old!r} there, {new!r} asked for"]
