"""Errors for the user: a single line, no traceback, exit code 2."""

from __future__ import annotations

import re
from collections.abc import Iterable
from difflib import get_close_matches

_MAX_NAMES = 40  # names that an error line lists


class UserError(ValueError):
    """Invalid input, refused before work starts.

    The message is one line with the key, the value, what is allowed and, for names, the nearest known one.

    >>> raise UserError("train.steps = 0: a whole number of at least 1")
    Traceback (most recent call last):
    metaclr.errors.UserError: train.steps = 0: a whole number of at least 1
    """


class SilentError(UserError):
    """Raised on a rank after another rank failed and reported its error: exit code 2, no message."""


def unknown(kind: str, name: str, known: Iterable[str]) -> UserError:
    """The error for an unknown name, with the nearest known name, or a list of all.

    >>> str(unknown("method", "simcrl", ["simclr", "byol"]))
    "unknown method 'simcrl'; did you mean 'simclr'?"
    """
    names = sorted(known)
    near = get_close_matches(name.lower(), names, n=1, cutoff=0.6)
    listed = ", ".join(names[:_MAX_NAMES]) + (", ..." if len(names) > _MAX_NAMES else "")
    hint = f"did you mean {near[0]!r}?" if near else f"there are: {listed}"
    return UserError(f"unknown {kind} {name!r}; {hint}")


def path_error_line(error: Exception) -> str:
    """One line for an error that Python raises for a path or name that no system accepts; empty for other errors."""
    text = str(error)
    if "null byte" in text or "null character" in text:
        return "a path or name contains a NUL character; remove it"
    if "home directory" in text:  # pathlib's expanduser
        return "a path begins with ~ and the name of an unknown user; write the whole path"
    if isinstance(error, UnicodeEncodeError) and "surrogates not allowed" in text:
        return f"the path or name {error.object[:80]!r} is not UTF-8; rename it"
    return ""


def memory_error_line(error: BaseException) -> str:
    """One line for an allocation that failed, Python's, NumPy's or torch's; empty for other errors.

    torch reports one in the memory of a CPU as a plain RuntimeError.
    """
    text = str(error)
    torch_reports = type(error).__name__ == "OutOfMemoryError" or "can't allocate memory" in text
    if not (isinstance(error, MemoryError) or torch_reports or "std::bad_alloc" in text):
        return ""
    size = re.search(r"allocate (\d[\d.]* ?(?:bytes|[KMGT]i?B))", text)
    asked = f" ({size[1]} more were asked for)" if size else ""
    return f"out of memory{asked}; lower train.batch_views, size or encoder.options, or free some"
