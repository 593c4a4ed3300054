"""Evaluation episodes on disk: drawn once, hashed, and the same for every method ever judged on them."""

from __future__ import annotations

import io
import os
import secrets
import zipfile
from pathlib import Path

import numpy as np
import torch

from episodes.errors import EpisodeError
from episodes.image_set import ImageSet
from episodes.sampler import sample_table
from episodes.task import EpisodeTable, TaskShape


def stored_table(image_set: ImageSet, shape: TaskShape, count: int, seed: int, folder: Path | None) -> EpisodeTable:
    """The episodes of (data set, way, shot, query, count, seed): read if they are stored, else drawn and stored.

    The file is one .npz in `folder`, named after what it holds; None keeps nothing. Two processes may ask at
    once: both draw the same table and the file is replaced whole.

    Raises:
        EpisodeError: an impossible shape, or a file that is damaged or belongs to other images (it is never
            redrawn in silence: what was measured on it would no longer be comparable).
    """
    if folder is None:
        return sample_table(image_set, shape, count, seed)
    path = folder / table_name(image_set, shape, count, seed)
    if path.exists():
        return read_table(path, image_set.fingerprint())
    table = sample_table(image_set, shape, count, seed)
    write_table(path, table)
    return table


def table_name(image_set: ImageSet, shape: TaskShape, count: int, seed: int) -> str:
    """The file name of a stored table: readable, and distinct for distinct content."""
    name = "".join(c if c.isalnum() else "-" for c in image_set.name)
    return f"{name}-{image_set.fingerprint()[:12]}-{shape.way}w{shape.shot}s{shape.query}q-{count}-seed{seed}.npz"


def write_table(path: Path, table: EpisodeTable) -> None:
    """Write a table with its digest, atomically: the file is whole or absent."""
    kind = np.uint32 if int(table.support.max()) < 2**32 else np.int64
    buffer = io.BytesIO()
    np.savez_compressed(
        buffer,
        support=table.support.numpy().astype(kind),
        query=table.query.numpy().astype(kind),
        fingerprint=table.fingerprint,
        seed=table.seed,
        digest=table.digest,
    )
    path.parent.mkdir(parents=True, exist_ok=True)
    part = path.with_name(f".{path.name}.{os.getpid()}-{secrets.token_hex(4)}.part")
    try:
        with part.open("xb") as file:
            file.write(buffer.getvalue())
            file.flush()
            os.fsync(file.fileno())
        part.replace(path)
    finally:
        part.unlink(missing_ok=True)


def read_table(path: Path, fingerprint: str | None = None) -> EpisodeTable:
    """Read a stored table and verify its digest, and that it indexes the images with this fingerprint.

    Raises:
        EpisodeError: no such file, a damaged file, or other images.
    """
    try:
        with np.load(path, allow_pickle=False) as stored:
            table = EpisodeTable(
                torch.from_numpy(stored["support"].astype(np.int64)),
                torch.from_numpy(stored["query"].astype(np.int64)),
                str(stored["fingerprint"]),
                int(stored["seed"]),
            )
            digest = str(stored["digest"])
    except (OSError, ValueError, KeyError, EOFError, zipfile.BadZipFile, zipfile.LargeZipFile) as error:
        raise EpisodeError(f"{path}: not a readable table of episodes ({error}); delete it to draw it anew") from error
    except Exception as error:  # zlib.error and whatever else a flipped bit can raise inside a decoder
        raise EpisodeError(f"{path}: damaged ({error}); delete it to draw it anew") from error
    if table.digest != digest:
        raise EpisodeError(f"{path}: its content does not have the digest written in it; delete it to draw it anew")
    if fingerprint is not None and table.fingerprint != fingerprint:
        raise EpisodeError(f"{path}: these episodes were drawn from other images; delete it to draw it anew")
    return table
