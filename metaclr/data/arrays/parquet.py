"""Image sets of the Hugging Face hub as files: .parquet, and the .arrow files of `save_to_disk`. Needs pyarrow."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

import torch

from episodes import ImageSet
from metaclr.data.options import ReadOptions
from metaclr.data.pixels.decode import OWN_SIZE
from metaclr.data.pixels.image_files import read_images
from metaclr.data.scratch import Allocate
from metaclr.errors import UserError

_IMAGE = ("image", "img", "images", "picture", "photo", "jpg", "png")
_LABEL = ("label", "labels", "fine_label", "class", "category", "target", "character", "digit")


def read_parquet(
    path: Path, allocate: Allocate, size: int | None, channels: int | None, options: ReadOptions
) -> ImageSet:
    """The encoded images of a file, decoded to `size` x `size` (default 84), with the names of its classes.

    Raises:
        UserError: pyarrow is missing, a damaged file, no column of images, unreadable images.
    """
    table = _table(path)
    features = _features(table)
    image = _column(table.column_names, _IMAGE, features, "Image")
    if image is None:
        raise UserError(f"{path}: has no column of images; its columns are {', '.join(table.column_names)}")
    label = _column([c for c in table.column_names if c != image], _LABEL, features, "ClassLabel")
    cells = table.column(image).to_pylist()
    encoded, files = [], []
    for row, cell in enumerate(cells):
        data, name = (cell.get("bytes"), cell.get("path")) if isinstance(cell, dict) else (cell, None)
        if not isinstance(data, bytes):
            raise UserError(f"{path}: row {row} of column {image!r} holds no encoded image; embed the files' bytes")
        encoded.append(data)
        files.append(f"{name or path.name}" if name else f"{path.name}[{row}]")
    found = read_images(path.stem, encoded, files, allocate, size or OWN_SIZE, channels or 3, options)
    labels = None if label is None else [table.column(label).to_pylist()[i] for i in found.rows]
    if labels is not None and any(value is None or value == -1 for value in labels):
        labels = None  # the test parts of the hub have -1 for all
    ids, names = _classes(labels, features.get(label or "", {}).get("names"))
    others = [c for c, f in features.items() if f.get("_type") == "ClassLabel" and c != label]
    notes = [f"layout: column {image} with {label or 'no labels'}"]
    notes += [f"left out: columns {', '.join(others)}, which are labels too"] if others else []
    return ImageSet(found.images, ids, names, (), (), path.stem, found.files, (*notes, *found.notes))


def _classes(labels: list[Any] | None, names: list[str] | None) -> tuple[torch.Tensor | None, tuple[str, ...]]:
    if labels is None:
        return None, ()
    values = list(range(len(names))) if names and all(isinstance(v, int) for v in labels) else sorted(set(labels))
    index = {value: i for i, value in enumerate(values)}
    texts = tuple(names) if names and len(values) == len(names) else tuple(map(str, values))
    return torch.tensor([index[value] for value in labels]), texts


def _table(path: Path) -> Any:
    try:
        import pyarrow as pa
        import pyarrow.parquet as pq
    except ImportError as error:
        raise UserError(f"{path}: reading it needs pyarrow; install metaclr[parquet]") from error
    try:
        if path.suffix.lower() == ".parquet":
            return pq.read_table(path)
        with pa.memory_map(str(path)) as source:
            try:
                return pa.ipc.open_stream(source).read_all()
            except pa.ArrowInvalid:
                return pa.ipc.open_file(source).read_all()
    except (OSError, pa.ArrowException) as error:
        raise UserError(f"{path}: not a readable {path.suffix} file ({' '.join(str(error).split())})") from error


def _features(table: Any) -> dict[str, dict[str, Any]]:
    """What the hub says of each column: {"_type": "ClassLabel", "names": [...]}; empty for other files."""
    stored = (table.schema.metadata or {}).get(b"huggingface")
    try:
        features = json.loads(stored)["info"]["features"] if stored else {}
    except (ValueError, KeyError, TypeError):
        return {}
    return {name: value for name, value in features.items() if isinstance(value, dict)}


def _column(names: list[str], spellings: tuple[str, ...], features: dict[str, Any], kind: str) -> str | None:
    typed = [name for name in names if features.get(name, {}).get("_type") == kind]
    for spelling in spellings:
        if spelling in typed or (not typed and spelling in names):
            return spelling
    return typed[0] if typed else None
