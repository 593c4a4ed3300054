"""Decoded images on disk: one folder of memory-mappable arrays per (what, how), whole or absent."""

from __future__ import annotations

import json
import os
import re
import secrets
import shutil
import socket
import sys
import time
from collections.abc import Callable
from contextlib import suppress
from dataclasses import replace
from functools import cache as once
from hashlib import sha256
from pathlib import Path
from typing import Any

import numpy as np
import torch

from episodes import ImageSet, open_npy
from metaclr.data.scratch import Allocate, Scratch, in_memory
from metaclr.errors import UserError
from metaclr.process import is_running

LARGE = 1 << 30
"""Bytes; larger sets are decoded into a file and stay in it: their images are read when they are needed."""

_VERSION = 5
_STALE = 24 * 3600.0  # seconds after which the folder of a process that may be of another machine is removed
_PART = re.compile(r"\..+-[0-9a-f]{16}\.(\d+)-([0-9a-f]{8})[0-9a-f]{8}")
"""Names of the hidden folders of `_part_folder`, with process id and machine; nothing else in the cache is removed."""


def cache_folder() -> Path:
    """$METACLR_CACHE, or the platform's folder for caches."""
    chosen = os.environ.get("METACLR_CACHE")
    if chosen:
        return Path(chosen).expanduser()
    if sys.platform == "darwin":
        return Path.home() / "Library" / "Caches" / "metaclr"
    base = os.environ.get("LOCALAPPDATA") if os.name == "nt" else os.environ.get("XDG_CACHE_HOME")
    return Path(base) / "metaclr" if base else Path.home() / ".cache" / "metaclr"


def cached(key: dict[str, Any], make: Callable[[Allocate], ImageSet], folder: Path | None = None) -> ImageSet:
    """The image set of a key: read if it was made before, else made and kept.

    Args:
        key: everything that the set depends on (files with sizes and times, size, render settings).
        make: makes it; called when the cache has none, or a damaged one.
        folder: of the cache; default `cache_folder()`. One that cannot be written costs a warning, no more.
    """
    digest = sha256(json.dumps({"version": _VERSION, **key}, sort_keys=True, default=str).encode()).hexdigest()
    place = (folder or cache_folder()) / f"{key.get('name', 'set')}-{digest[:16]}"
    found = _read(place)
    if found is not None:
        return found
    part = _part_folder(place)
    if part is None:
        return make(in_memory)
    try:
        scratch = Scratch(part, LARGE)
        image_set = make(scratch)
        try:
            _write(scratch, place, image_set)
        except OSError as error:
            _warn(place.parent, error)
            return image_set
        return _read(place) or image_set
    finally:
        shutil.rmtree(part, ignore_errors=True)


def _part_folder(place: Path) -> Path | None:
    """A hidden folder beside the place to write into; None, with a warning, where that cannot be."""
    part = place.with_name(f".{place.name}.{os.getpid()}-{_host()}{secrets.token_hex(4)}")
    try:
        part.mkdir(parents=True)
    except OSError as error:
        _warn(place.parent, error)
        return None
    _remove_abandoned(place.parent)
    return part


def _remove_abandoned(cache: Path) -> None:
    """Remove hidden folders of killed processes: of this machine at once, of others after a day."""
    with suppress(OSError):
        for path in cache.iterdir():
            found = _PART.fullmatch(path.name)
            if found is None or path.is_symlink() or not path.is_dir():
                continue
            here = found[2] == _host()
            if not is_running(int(found[1])) if here else time.time() - path.stat().st_mtime > _STALE:
                shutil.rmtree(path, ignore_errors=True)


def _host() -> str:
    """Eight hex digits for this machine."""
    return sha256(socket.gethostname().encode()).hexdigest()[:8]


def _warn(folder: Path, error: OSError) -> None:
    _notify_once(f"metaclr: cache {folder} cannot be written ({error.strerror or error}); going on without it")


@once
def _notify_once(message: str) -> None:
    print(message, file=sys.stderr)


def _read(place: Path) -> ImageSet | None:
    """The set if it is there and whole; None otherwise."""
    try:
        facts = json.loads((place / "facts.json").read_text(encoding="utf-8"))
        path = place / "images.npy"
        large = path.stat().st_size > LARGE
        # A file cut short is a ValueError either way.
        images = open_npy(path) if large else torch.from_numpy(np.load(path, allow_pickle=False))
        labels = np.load(place / "labels.npy", allow_pickle=False) if facts["labelled"] else None
        found = ImageSet(
            images,
            None if labels is None else torch.from_numpy(labels),
            tuple(facts["class_names"]),
            tuple(facts["groups"]),
            tuple(facts["split"]),
            facts["name"],
            tuple(facts["files"]),
            tuple(facts["notes"]),
            attributes={name: tuple(values) for name, values in facts.get("attributes", {}).items()},
            clips=torch.from_numpy(np.load(place / "clips.npy", allow_pickle=False)) if facts.get("clips") else None,
        )
        if large:  # hashing 10 GB takes longer than reading what is needed of it
            found.__dict__["_fingerprint"] = str(facts["fingerprint"])
    except (OSError, ValueError, KeyError, TypeError, EOFError):
        return None
    return found


def _write(scratch: Scratch, place: Path, image_set: ImageSet) -> None:
    """Fill the hidden folder, then rename it: a reader never sees half a set."""
    part = scratch.folder
    scratch.save(part / "images.npy", image_set.images)
    if image_set.images.numel() > scratch.large:
        image_set = replace(image_set, images=open_npy(part / "images.npy"))
    if image_set.labels is not None:
        np.save(part / "labels.npy", image_set.labels.numpy())
    if image_set.clips is not None:
        np.save(part / "clips.npy", image_set.clips.numpy())
    facts = {
        "name": image_set.name,
        "labelled": image_set.labels is not None,
        "class_names": image_set.class_names,
        "groups": image_set.groups,
        "split": image_set.split,
        "files": image_set.files,
        "notes": image_set.notes,
        "attributes": dict(image_set.attributes),
        "clips": image_set.clips is not None,
        "fingerprint": image_set.fingerprint(),
    }
    (part / "facts.json").write_text(json.dumps(facts), encoding="utf-8")
    if place.exists():
        shutil.rmtree(place, ignore_errors=True)  # it could not be read, or another process was first
    try:
        part.rename(place)
    except OSError:
        if not place.exists():
            raise


def stamp(path: Path) -> list[object]:
    """What changes when a file does: path, size, time. Raises UserError if it is not there."""
    try:
        stat = path.stat()
    except OSError as error:
        raise UserError(f"{path}: no such file or folder") from error
    return [str(path.resolve()), stat.st_size, stat.st_mtime_ns]
