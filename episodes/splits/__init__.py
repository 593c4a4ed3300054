"""Published class splits as data: JSON files with what they are, where they come from, and a checksum."""

from __future__ import annotations

import json
from collections.abc import Iterable, Mapping, Sequence
from difflib import get_close_matches
from hashlib import sha256
from pathlib import Path

from episodes.errors import EpisodeError
from episodes.image_set import ImageSet

_FOLDER = Path(__file__).parent


def names() -> list[str]:
    """The splits that ship, such as "cifar_fs", "mini_imagenet" and "meta_dataset_fungi"."""
    return sorted(path.stem for path in _FOLDER.glob("*.json"))


def class_split(name: str) -> dict[str, list[str]]:
    """Class names of each part ("train", "val", "test") of a shipped split.

    Raises:
        EpisodeError: no such split, or a file that does not have its own checksum.
    """
    if name not in names():
        raise EpisodeError(f"no class split {name!r}; there are: {', '.join(names())}")
    stored = json.loads((_FOLDER / f"{name}.json").read_text(encoding="utf-8"))
    parts: dict[str, list[str]] = stored["classes"]
    body = json.dumps(parts, sort_keys=True, separators=(",", ":"), ensure_ascii=False)
    if sha256(body.encode()).hexdigest() != stored["sha256"]:
        raise EpisodeError(f"class split {name!r}: the file was changed; it does not match its checksum")
    return parts


def split_classes(image_set: ImageSet, parts: Mapping[str, Sequence[str]]) -> dict[str, ImageSet]:
    """The parts of a set by lists of class names, disjoint by construction.

    Raises:
        EpisodeError: an unknown class (with the nearest name), or one in two parts.
    """
    owner: dict[str, str] = {}
    for part, classes in parts.items():
        for name in classes:
            if name in owner:
                raise EpisodeError(f"class {name!r} is in {owner[name]!r} and in {part!r}")
            owner[name] = part
    known = set(image_set.class_names)
    for name in owner:
        if name not in known:
            raise EpisodeError(f"{image_set.name}: unknown class {name!r}{_nearest(name, known)}")
    return {part: image_set.only_classes(list(classes)) for part, classes in parts.items()}


def _nearest(name: str, known: Iterable[str]) -> str:
    near = get_close_matches(name, sorted(known), n=1)
    return f"; did you mean {near[0]!r}?" if near else ""
