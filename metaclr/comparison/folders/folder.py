"""The folder of a comparison: writable, of one recipe, and in use by one process at a time."""

from __future__ import annotations

import os
import tempfile
from contextlib import ExitStack
from pathlib import Path

from metaclr.comparison.folders.leftovers import remove_leftovers
from metaclr.comparison.folders.owner import owned
from metaclr.comparison.runs.run import MUTABLE_KEYS, trained_settings
from metaclr.comparison.settings.changed_settings import changed_settings, is_refused
from metaclr.errors import UserError
from metaclr.files import write_atomic
from metaclr.recipe import CompareRecipe, dump, read, resolve


def open_folder(out: Path, recipe: CompareRecipe, stack: ExitStack | None = None) -> None:
    """Create the folder or check that it belongs to the same comparison, and write the resolved recipe into it.

    Args:
        stack: the folder belongs to this process until the stack closes; None takes no lock.

    Raises:
        UserError: the folder is not writable, the disk is full, another process uses it, or it holds the results of a
            recipe with other settings (names the first).
    """
    check_writable(out)
    if stack is not None:
        stack.enter_context(owned(out))
        remove_leftovers(out)
    path = out / "recipe.toml"
    if path.is_file():
        earlier, now = ({**_fixed(r), "train": trained_settings(r)} for r in (resolve(read(path)), recipe))
        changes = [changed for changed in changed_settings(earlier, now) if is_refused(changed)]
        if changes:
            more = f" (and {len(changes) - 1} more)" if len(changes) > 1 else ""
            raise UserError(f"{out} holds a comparison with other settings: {changes[0]}{more}; name another --out")
    write_atomic(path, dump(recipe))


def check_shared_folder(out: Path) -> None:
    """Check, on a rank that does not write, that it sees the folder that the first rank has opened.

    Raises:
        UserError: it does not.
    """
    if not (out / "recipe.toml").is_file():
        raise UserError(f"--out {out}: not the same folder for every rank; name one that all machines share")


def check_writable(out: Path) -> None:
    """Create the folder and write a megabyte to it: a full disk should be found now, not after training.

    Raises:
        UserError: the reason.
    """
    try:
        out.mkdir(parents=True, exist_ok=True)
        with tempfile.NamedTemporaryFile(dir=out, prefix=f".probe-{os.getpid()}-") as probe:
            probe.write(os.urandom(1 << 20))
            probe.flush()
            os.fsync(probe.fileno())
    except OSError as error:
        raise UserError(f"--out {out}: {error.strerror}") from error


def _fixed(recipe: CompareRecipe) -> dict[str, object]:
    return recipe.model_dump(mode="json", exclude={*MUTABLE_KEYS, "train"})
