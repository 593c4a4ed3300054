"""The one error that a user is meant to read: a single line, no traceback, exit code 2."""

from __future__ import annotations

from collections.abc import Iterable
from difflib import get_close_matches

_MOST = 40  # names that an error line lists


class UserError(ValueError):
    """Bad input, refused before work starts.

    The message is one line that names the key, the value, what is legal and, for names, the nearest one.
    """


class SilentError(UserError):
    """What followed on a rank when another one failed, which has said why: exit code 2, in silence."""


def unknown(kind: str, name: str, known: Iterable[str]) -> UserError:
    """The error for a name that is not known: says the nearest one, or lists what there is.

    >>> str(unknown("method", "simcrl", ["simclr", "byol"]))
    "unknown method 'simcrl'; did you mean 'simclr'?"
    """
    names = sorted(known)
    near = get_close_matches(name.lower(), names, n=1, cutoff=0.6)
    listed = ", ".join(names[:_MOST]) + (", ..." if len(names) > _MOST else "")
    hint = f"did you mean {near[0]!r}?" if near else f"there are: {listed}"
    return UserError(f"unknown {kind} {name!r}; {hint}")
