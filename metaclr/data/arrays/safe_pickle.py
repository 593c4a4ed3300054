"""Pickles of arrays, lists and dictionaries, read without running anything that is written in them."""

from __future__ import annotations

import importlib
import pickle
from pathlib import Path
from typing import Any

from metaclr.errors import UserError

_NUMPY = {
    "numpy": ("ndarray", "dtype"),
    "multiarray": ("_reconstruct", "scalar"),
    "numeric": ("_frombuffer",),
}
_BUILTINS = ("set", "frozenset", "list", "dict", "tuple", "bytearray", "complex", "slice", "range", "xrange")


class _ArraysOnly(pickle.Unpickler):
    """Finds what numpy arrays and plain containers are rebuilt with, and refuses every other name."""

    def find_class(self, module: str, name: str) -> Any:
        core, _, last = module.rpartition(".")
        if (module == "numpy" and name in _NUMPY["numpy"]) or (
            core in ("numpy.core", "numpy._core") and name in _NUMPY.get(last, ())
        ):
            if module == "numpy":
                return getattr(importlib.import_module("numpy"), name)
            return getattr(importlib.import_module(f"numpy._core.{last}"), name)
        if module in ("builtins", "__builtin__") and name in _BUILTINS:
            return range if name == "xrange" else getattr(importlib.import_module("builtins"), name)
        if (module, name) == ("collections", "OrderedDict"):
            return dict
        if (module, name) == ("_codecs", "encode"):
            return _Encode()
        raise pickle.UnpicklingError(f"it needs {module}.{name}")


class _Encode:
    """How pickles of protocol 2 hold bytes: text.encode("latin1"). Without attributes that a pickle could set."""

    __slots__ = ()

    def __call__(self, text: str, encoding: str = "latin1", errors: str = "strict") -> bytes:
        if encoding not in ("latin1", "latin-1", "iso8859-1", "utf-8", "ascii"):
            raise pickle.UnpicklingError(f"it needs the codec {encoding}")
        return text.encode(encoding, errors)


def read_pickle(path: Path) -> Any:
    """The arrays and containers of a pickle, those of Python 2 too; keys and texts of Python 2 become str.

    Raises:
        UserError: a file that is damaged, or that needs anything but arrays and containers: nothing of it is run.
    """
    try:
        with path.open("rb") as file:
            return _ArraysOnly(file, encoding="latin1").load()
    except pickle.UnpicklingError as error:
        raise UserError(
            f"{path}: not read, for a pickle may run any program, and metaclr loads only arrays, lists and"
            f" dictionaries from it ({error}); save the images and labels with numpy.savez"
        ) from error
    except OSError as error:
        raise UserError(f"{path}: {error.strerror or error}") from error
    except MemoryError as error:
        raise UserError(f"{path}: damaged, or larger than memory") from error
    except Exception as error:  # a damaged pickle raises anything
        raise UserError(
            f"{path}: not a readable pickle ({' '.join(str(error).split()) or type(error).__name__})"
        ) from error
