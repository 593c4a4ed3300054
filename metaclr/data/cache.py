"""Decoded images on disk: one folder of memory-mappable arrays per (what, how), whole or absent."""

from __future__ import annotations

import json
import os
import secrets
import shutil
import sys
from collections.abc import Callable
from functools import cache as once
from hashlib import sha256
from pathlib import Path
from typing import Any

import numpy as np
import torch

from episodes import ImageSet

_LARGE = 1 << 30  # bytes; larger sets are memory-mapped instead of read
_VERSION = 1


def cache_folder() -> Path:
    """$METACLR_CACHE, or the platform's folder for caches."""
    chosen = os.environ.get("METACLR_CACHE")
    if chosen:
        return Path(chosen)
    if sys.platform == "darwin":
        return Path.home() / "Library" / "Caches" / "metaclr"
    base = os.environ.get("LOCALAPPDATA") if os.name == "nt" else os.environ.get("XDG_CACHE_HOME")
    return Path(base) / "metaclr" if base else Path.home() / ".cache" / "metaclr"


def cached(key: dict[str, Any], make: Callable[[], ImageSet], folder: Path | None = None) -> ImageSet:
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
    image_set = make()
    try:
        _write(place, image_set)
    except OSError as error:
        _warn(f"metaclr: cache {place.parent} cannot be written ({error.strerror}); going on without it")
    return image_set


@once
def _warn(message: str) -> None:
    print(message, file=sys.stderr)


def _read(place: Path) -> ImageSet | None:
    try:
        facts = json.loads((place / "facts.json").read_text(encoding="utf-8"))
        path = place / "images.npy"
        # Copy on write: torch wants an array that could be written.
        large = path.stat().st_size > _LARGE
        images = torch.from_numpy(np.load(path, mmap_mode="c") if large else np.load(path))
        labels = torch.from_numpy(np.load(place / "labels.npy")) if facts["labelled"] else None
        found = ImageSet(
            images,
            labels,
            tuple(facts["class_names"]),
            tuple(facts["groups"]),
            tuple(facts["split"]),
            facts["name"],
        )
    except (OSError, ValueError, KeyError, EOFError):
        return None
    found.__dict__["_fingerprint"] = facts["fingerprint"]
    return found


def _write(place: Path, image_set: ImageSet) -> None:
    """Fill a hidden folder beside the place, then rename it: a reader never sees half a set."""
    place.parent.mkdir(parents=True, exist_ok=True)
    part = place.with_name(f".{place.name}.{os.getpid()}-{secrets.token_hex(4)}")
    part.mkdir()
    try:
        np.save(part / "images.npy", image_set.images.numpy())
        if image_set.labels is not None:
            np.save(part / "labels.npy", image_set.labels.numpy())
        facts = {
            "name": image_set.name,
            "labelled": image_set.labels is not None,
            "class_names": image_set.class_names,
            "groups": image_set.groups,
            "split": image_set.split,
            "fingerprint": image_set.fingerprint(),
        }
        (part / "facts.json").write_text(json.dumps(facts, ensure_ascii=False), encoding="utf-8")
        if place.exists():
            shutil.rmtree(place, ignore_errors=True)  # it could not be read, or another process was first
        part.rename(place)
    except OSError:
        if not place.exists():
            raise
    finally:
        shutil.rmtree(part, ignore_errors=True)
