"""What encoders make of single images, per run and target, and the thumbnails of these images."""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from dataclasses import dataclass, field
from pathlib import Path
from typing import TYPE_CHECKING, Any

from metaclr.results.store.arrays import read_arrays, write_arrays

if TYPE_CHECKING:
    import numpy as np
    from numpy.typing import NDArray

Arrays = Mapping[str, "NDArray[Any]"]

OF_RUN = "inspection.npz"
"""The file of a run folder; `inspections/RUN.npz` in the folder of a comparison."""
PICTURES = "pictures.npz"
"""The file of a comparison: thumbnails, labels and sample views."""


@dataclass(frozen=True)
class TargetPictures:
    """The images of a target that runs were inspected on, in the order of `evaluation.inspection.ChosenImages`.

    labels (M,): class of every image of the target, by its index. classified (n,), mapped (p,), queries (q,): indices.
    ids (t,), pixels (t, C, h, w) uint8: thumbnails by index.
    """

    class_names: tuple[str, ...]
    labels: NDArray[np.integer[Any]]
    classified: NDArray[np.integer[Any]]
    mapped: NDArray[np.integer[Any]]
    queries: NDArray[np.integer[Any]]
    ids: NDArray[np.integer[Any]]
    pixels: NDArray[np.uint8]


@dataclass(frozen=True)
class ViewSheet:
    """Views of some images of a source, and the methods that train on such views.

    pixels (rows, columns, C, h, w) uint8; heads: one per column, the first "image".
    """

    source: str
    views: str
    methods: tuple[str, ...]
    heads: tuple[str, ...]
    pixels: NDArray[np.uint8]


@dataclass(frozen=True)
class Pictures:
    """Everything of a comparison that the report shows as images."""

    targets: Mapping[str, TargetPictures] = field(default_factory=dict)
    views: tuple[ViewSheet, ...] = ()


def write_inspections(path: Path, of_targets: Mapping[str, Arrays]) -> None:
    """Write arrays by target and name into one .npz, atomically: `predicted`, `neighbors`, `coordinates`, ..."""
    flat = {f"{name}/{target}": array for target, arrays in of_targets.items() for name, array in arrays.items()}
    write_arrays(path, flat, compress=True)


def read_inspections(path: Path) -> dict[str, dict[str, NDArray[Any]]]:
    """The arrays of a run by target and name; empty where it has none.

    Raises:
        UserError: a file that is not a whole .npz.
    """
    found: dict[str, dict[str, NDArray[Any]]] = {}
    for key, array in read_arrays(path, "inspections").items():
        name, _, target = key.partition("/")
        found.setdefault(target, {})[name] = array
    return found


def write_pictures(folder: Path, pictures: Pictures) -> None:
    """Write `pictures.npz` into the folder of a comparison, atomically."""
    import numpy as np

    flat: dict[str, NDArray[Any]] = {}
    for target, of in pictures.targets.items():
        flat[f"class_names/{target}"] = _texts(of.class_names)
        for name in ("labels", "classified", "mapped", "queries", "ids"):
            flat[f"{name}/{target}"] = np.asarray(getattr(of, name), dtype=np.int32)
        flat[f"pixels/{target}"] = of.pixels
    for number, sheet in enumerate(pictures.views):
        flat[f"views/{number}/texts"] = _texts([sheet.source, sheet.views])
        flat[f"views/{number}/methods"] = _texts(sheet.methods)
        flat[f"views/{number}/heads"] = _texts(sheet.heads)
        flat[f"views/{number}/pixels"] = sheet.pixels
    write_arrays(folder / PICTURES, flat, compress=True)


def read_pictures(folder: Path) -> Pictures:
    """Read `pictures.npz` of a folder; empty where there is none.

    Raises:
        UserError: a file that is not a whole .npz.
    """
    arrays = read_arrays(folder / PICTURES, "pictures")
    targets = {
        key.partition("/")[2]: TargetPictures(
            class_names=tuple(map(str, names)),
            **{
                name: arrays[f"{name}/{key.partition('/')[2]}"]
                for name in ("labels", "classified", "mapped", "queries", "ids", "pixels")
            },
        )
        for key, names in arrays.items()
        if key.startswith("class_names/")
    }
    count = sum(key.startswith("views/") and key.endswith("/pixels") for key in arrays)
    return Pictures(targets, tuple(_sheet(arrays, f"views/{number}/") for number in range(count)))


def _sheet(arrays: Arrays, prefix: str) -> ViewSheet:
    source, views = map(str, arrays[f"{prefix}texts"])
    methods, heads = (tuple(map(str, arrays[f"{prefix}{name}"])) for name in ("methods", "heads"))
    return ViewSheet(source, views, methods, heads, arrays[f"{prefix}pixels"])


def _texts(texts: Iterable[str]) -> NDArray[Any]:
    import numpy as np

    return np.array(list(texts), dtype=np.str_)
