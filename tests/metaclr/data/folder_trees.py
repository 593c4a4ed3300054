"""Folders of small pictures for tests, and a slow reference reader written from the rules of docs/data.md."""

from __future__ import annotations

import re
from collections.abc import Iterable
from pathlib import Path

import numpy as np
from PIL import Image

SPELLED = {
    "train": ["train", "training", "trn", "base", "meta-train", "metatrain"],
    "val": ["val", "valid", "validation", "dev", "devel", "development", "meta-val"],
    "test": ["test", "testing", "tst", "eval", "evaluation", "holdout", "novel", "meta-test"],
    "trainval": ["trainval"],
    "query": ["query"],
    "gallery": ["gallery"],
    "support": ["support"],
    "unlabelled": ["unlabelled", "unlabeled", "unsup", "nolabel"],
}
SYSTEM = {"__macosx", "__pycache__", "thumbs.db", "desktop.ini", "@eadir", "$recycle.bin", "lost+found"}
IMAGES = {"images", "image", "imgs", "img", "jpegimages"}


def picture(path: Path, value: int = 0, size: tuple[int, int] = (8, 8)) -> Path:
    """A noisy picture that depends on its value and on the last names of its path."""
    path.parent.mkdir(parents=True, exist_ok=True)
    rng = np.random.default_rng([value, *"/".join(path.parts[-3:]).encode()])
    Image.fromarray(rng.integers(0, 256, (size[1], size[0], 3), dtype=np.uint8)).save(path)
    return path


def pictures(root: Path, folders: Iterable[str], count: int = 2, end: str = "png") -> Path:
    """`count` pictures in each folder below the root."""
    for place, folder in enumerate(folders):
        for i in range(count):
            picture(root / folder / f"im{i}.{end}", 100 * place + i)
    return root


def part_of(name: str) -> str | None:
    """The part that a name spells, by the table of docs/data.md."""
    plain = name.lower().replace("_", " ").replace("-", " ").split()
    plain = [
        word for word in plain if word not in ("set", "data", "images") and not (word.isdigit() and len(word) == 4)
    ]
    for part, spellings in SPELLED.items():
        if "".join(plain) in [s.replace("-", "") for s in spellings]:
            return part
    return None


class Refused(Exception):  # noqa: N818 - an outcome of the rules
    """The rules refuse the tree."""


def reference(root: Path) -> dict[str, tuple[str, str | None]]:
    """Path below the root -> (part, class) of every image that is read, by rules 1 to 4 and 6 to 13."""
    paths: list[tuple[str, ...]] = []
    empty: list[tuple[str, ...]] = []

    def visit(folder: Path, names: tuple[str, ...], above: list[Path]) -> bool:
        real = folder.resolve()
        if real in above:
            raise Refused("cycle")
        full, empties = False, []
        for path in sorted(folder.iterdir()):
            if path.name.startswith(".") or path.name.lower() in SYSTEM:
                continue
            if path.is_dir():
                inner = visit(path, (*names, path.name), [*above, real])
                full |= inner
                if not inner:
                    empties.append((*names, path.name))
            elif path.name.lower().endswith((".png", ".jpg", ".bmp")):
                paths.append((*names, path.name))
                full = True
        if full:
            empty.extend(empties)
        return full

    if not visit(root, (), []):
        raise Refused("no image")

    def children(at: tuple[str, ...]) -> list[str]:
        return sorted({p[len(at)] for p in paths if p[: len(at)] == at and len(p) > len(at) + 1})

    def own(at: tuple[str, ...]) -> bool:
        return any(p[:-1] == at for p in paths)

    dropped: set[tuple[str, ...]] = set()  # empty folders that mean nothing
    top: tuple[str, ...] = ()
    while not own(top) and len(children(top)) == 1:
        name = children(top)[0]
        inner = (*top, name)
        if part_of(name):
            break
        beside = [e for e in empty if e[:-1] == top]
        deeper = children(inner)
        only_parts = bool(deeper) and all(part_of(n) for n in deeper)
        is_images = name.lower() in IMAGES
        if not (is_images or (deeper and not own(inner) and (not beside or only_parts))):
            break
        dropped |= set(beside)
        top = inner

    def klass(names: tuple[str, ...]) -> str:
        if len(names) > 1 and names[-1].lower() in IMAGES:
            names = names[:-1]
        return "/".join(names)

    inside = {p: p[len(top) :] for p in paths}
    at_top = children(top)
    parts = {name: part_of(name) for name in at_top}
    known = {name: part for name, part in parts.items() if part}
    read: dict[str, tuple[str, str | None]] = {}
    kind = "class"
    if not at_top:
        read = {"/".join(p): ("", None) for p in paths}
        kind = "flat"
    elif len(known) == len(at_top):
        kind = "parts"
        if len(set(known.values())) < len(known):
            raise Refused("a part twice")
        for name in at_top:
            base = (*top, name)
            all_children = children(base) + [e[-1] for e in empty if e[:-1] == base]
            while not own(base) and len(all_children) == 1 and part_of(all_children[0]) == known[name]:
                base = (*base, all_children[0])
                all_children = children(base) + [e[-1] for e in empty if e[:-1] == base]
            inner = children(base)
            flat = all(n.lower() in IMAGES and not children((*base, n)) for n in inner)
            for p in paths:
                if p[: len(base)] != base:
                    continue
                if flat or known[name] == "unlabelled":
                    read["/".join(p)] = (known[name], None)
                elif p[:-1] != base:
                    read["/".join(p)] = (known[name], klass(p[len(base) : -1]))
    elif set(known.values()) == {"unlabelled"}:
        for p, rest in inside.items():
            if len(rest) > 1:
                bare = rest[0] in known
                read["/".join(p)] = ("unlabelled", None) if bare else ("", klass(rest[:-1]))
    else:
        if known and (len(set(known.values())) > 1 or any(children((*top, name)) for name in known)):
            raise Refused("an unknown name beside parts")
        deep = [rest[:-1] for rest in inside.values() if len(rest) > 1]
        level = next((i for i in range(1, min(map(len, deep))) if all(part_of(names[i]) for names in deep)), None)
        if level is None:
            for folder in {p[:i] for p in paths for i in range(len(top) + 1, len(p))}:
                if len({part_of(n) for n in children(folder)} - {None}) > 1:
                    raise Refused("parts in some classes only")
        for p, rest in inside.items():
            if len(rest) < 2:
                continue
            names = rest[:-1]
            if level is None:
                read["/".join(p)] = ("", klass(names))
            else:
                kind = "class first"
                read["/".join(p)] = (str(part_of(names[level])), klass(names[:level] + names[level + 1 :]))
    for e in empty:
        if e in dropped or e[: len(top)] != top:
            continue
        parent = e[:-1]
        inner = children(parent)
        holds = own(parent) or (bool(inner) and all(n.lower() in IMAGES for n in inner))
        classes = {c for _, c in read.values()}
        if kind == "parts" and (parent == top or klass(e[len(top) + 1 :]) in classes):
            continue
        if kind == "class first" and any(part_of(n) for n in inner):
            continue
        if holds and parent != top:
            continue
        raise Refused(f"empty class {e}")
    if any(c is not None for _, c in read.values()):
        read = {path: told for path, told in read.items() if told[1] is not None}
    return {path: (part, name and spelled(name, list(read.values()))) for path, (part, name) in read.items()}


def spelled(name: str, read: list[tuple[str, str | None]]) -> str:
    """The spelling of a class by rule 13, given the parts and classes of all images."""

    def plain(text: str) -> str:
        return " ".join(re.split(r"[ _-]+", text.lower())).strip()

    alike = sorted({(part, other) for part, other in read if other is not None and plain(other) == plain(name)})
    parts = [part for part, _ in alike]
    if "" in parts or len(parts) > len(set(parts)):
        return name
    for first in ("train", "trainval", "gallery", "support", "val"):
        if first in parts:
            return str(dict(alike)[first])
    return min(str(other) for _, other in alike)
