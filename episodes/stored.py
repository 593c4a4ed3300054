"""Evaluation episodes and label subsets on disk: drawn once, hashed, the same for every evaluated method."""

from __future__ import annotations

import io
import os
import secrets
from hashlib import sha256
from pathlib import Path
from typing import Any

import numpy as np
import torch
from numpy.typing import NDArray
from torch import Tensor

from episodes.errors import EpisodeError
from episodes.image_set import ImageSet
from episodes.sampler import sample_table
from episodes.subsets import label_subset
from episodes.task import EpisodeTable, TaskShape

Arrays = dict[str, NDArray[np.generic]]

_REDRAW = "delete it to draw it again"


def stored_table(
    image_set: ImageSet,
    shape: TaskShape,
    count: int,
    seed: int,
    folder: Path | None,
    *,
    leave_out_small: bool = False,
) -> EpisodeTable:
    """The episodes of (data set, way, shot, query, count, seed): read from `folder`, or drawn and written there.

    The file is one .npz in `folder`, named after its content; None writes none. Several processes may call this at the
    same time: all draw the same table, and the file is replaced as a whole. leave_out_small: see `sample_table`.

    Raises:
        EpisodeError: an impossible shape, a folder that cannot be written, or a file that is damaged or holds
            something else (it is never redrawn without a word: earlier results would no longer be comparable).
    """
    if folder is None:
        return sample_table(image_set, shape, count, seed, leave_out_small=leave_out_small)
    path = folder / table_name(image_set, shape, count, seed)
    if not path.exists():
        table = sample_table(image_set, shape, count, seed, leave_out_small=leave_out_small)
        write_table(path, table)
        return table
    table = read_table(path, image_set.fingerprint())
    stored = (len(table), table.shape.way, table.shape.shot, table.shape.query, table.seed)
    if stored != (count, shape.way, shape.shot, shape.query, seed):
        raise EpisodeError(f"{path}: its episodes are not those of its name; {_REDRAW}")
    return table


def stored_label_subset(
    image_set: ImageSet, seed: int, folder: Path | None, *, fraction: float | None = None, per_class: int | None = None
) -> Tensor:
    """`label_subset` (sorted image indices), read from `folder`, or drawn and written there; None writes nothing.

    Raises:
        EpisodeError: as `label_subset` and `stored_table` do.
    """
    indices = label_subset(image_set, seed, fraction=fraction, per_class=per_class)
    if folder is None:
        return indices
    kind = f"{per_class}-per-class" if per_class is not None else f"fraction-{fraction}"
    path = folder / f"{_plain(image_set)}-labels-{kind}-seed{seed}.npz"
    if not path.exists():
        fingerprint = np.array(image_set.fingerprint())
        _write(path, {"indices": indices.numpy(), "fingerprint": fingerprint, "seed": np.array(seed)})
        return indices
    arrays = _read(path, ("indices", "fingerprint", "seed"))
    if str(arrays["fingerprint"]) != image_set.fingerprint() or int(arrays["seed"]) != seed:
        raise EpisodeError(f"{path}: these labels were chosen from other images; {_REDRAW}")
    return torch.from_numpy(arrays["indices"].astype(np.int64))


def table_name(image_set: ImageSet, shape: TaskShape, count: int, seed: int) -> str:
    """The file name of a stored table: readable, and different for different content."""
    return f"{_plain(image_set)}-{shape.way}w{shape.shot}s{shape.query}q-{count}-seed{seed}.npz"


def write_table(path: Path, table: EpisodeTable) -> None:
    """Write a table with its digest, atomically: the file is complete or absent. Raises EpisodeError if it cannot."""
    most = max(int(table.support.max()), int(table.query.max()))
    kind = np.uint32 if most < 2**32 else np.int64
    parts = {"support": table.support.cpu().numpy().astype(kind), "query": table.query.cpu().numpy().astype(kind)}
    _write(path, {**parts, "fingerprint": np.array(table.fingerprint), "seed": np.array(table.seed)})


def read_table(path: Path, fingerprint: str | None = None) -> EpisodeTable:
    """Read a stored table; check its digest, and that it indexes the images with this fingerprint.

    Raises:
        EpisodeError: no such file, a damaged file, or other images.
    """
    arrays = _read(path, ("support", "query", "fingerprint", "seed"))
    table = EpisodeTable(
        torch.from_numpy(arrays["support"].astype(np.int64)),
        torch.from_numpy(arrays["query"].astype(np.int64)),
        str(arrays["fingerprint"]),
        int(arrays["seed"]),
    )
    if fingerprint is not None and table.fingerprint != fingerprint:
        raise EpisodeError(f"{path}: these episodes were drawn from other images; {_REDRAW}")
    return table


def _plain(image_set: ImageSet) -> str:
    name = "".join(c if c.isascii() and c.isalnum() else "-" for c in image_set.name)[:80]
    return f"{name}-{image_set.fingerprint()[:12]}"


def _content(arrays: Arrays) -> str:
    content = sha256()
    for name in sorted(arrays):
        array = np.ascontiguousarray(arrays[name])
        content.update(f"{name} {array.dtype.str} {array.shape}\n".encode())
        content.update(array.tobytes())
    return content.hexdigest()


def _write(path: Path, arrays: Arrays) -> None:
    """One .npz, written under another name in the same folder first, so that no reader sees an incomplete file."""
    buffer = io.BytesIO()
    everything: dict[str, Any] = {**arrays, "digest": np.array(_content(arrays))}
    np.savez_compressed(buffer, **everything)
    part = path.with_name(f".{path.name}.{os.getpid()}-{secrets.token_hex(4)}.part")
    try:
        path.parent.mkdir(parents=True, exist_ok=True)
        with part.open("xb") as file:
            file.write(buffer.getvalue())
            file.flush()
            os.fsync(file.fileno())
        part.replace(path)
    except OSError as error:
        raise EpisodeError(f"{path}: cannot be written ({error.strerror or error})") from error
    finally:
        if part.exists():
            part.unlink()


def _read(path: Path, names: tuple[str, ...]) -> Arrays:
    try:
        with np.load(path, allow_pickle=False) as stored:
            arrays = {name: stored[name] for name in names}
            digest = str(stored["digest"])
    except FileNotFoundError as error:
        raise EpisodeError(f"{path}: no such file") from error
    except Exception as error:  # any exception that a damaged file causes in the zip and array decoders
        raise EpisodeError(f"{path}: damaged or not written by episodes ({_one_line(error)}); {_REDRAW}") from error
    if _content(arrays) != digest:
        raise EpisodeError(f"{path}: its content does not match its digest; {_REDRAW}")
    return arrays


def _one_line(error: Exception) -> str:
    return (str(error).splitlines() or [type(error).__name__])[0]
