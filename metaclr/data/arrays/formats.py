"""The files that are a data set by themselves: one `FileFormat` for each, found by the ending."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from episodes import ImageSet
from metaclr.data.adapt import adapt
from metaclr.data.arrays.array_files import label_files, mat_arrays, npy_arrays, torch_arrays
from metaclr.data.arrays.array_set import set_of_arrays
from metaclr.data.arrays.exchange import read_npz
from metaclr.data.arrays.packed import must_unpack
from metaclr.data.arrays.parquet import read_parquet
from metaclr.data.arrays.pickled_sets import pickled_arrays
from metaclr.data.folders.folders import folder_set
from metaclr.data.request import Request
from metaclr.errors import UserError


def _none(_: Path) -> list[Path]:
    return []


@dataclass(frozen=True)
class FileFormat:
    """A format: its endings, a line about it, and how a file of it is read.

    beside: other files that are read with it. is_cached: whether what was read is worth keeping.
    """

    endings: tuple[str, ...]
    about: str
    read: Callable[[Path, Request], ImageSet]
    beside: Callable[[Path], list[Path]] = _none
    is_cached: Callable[[Path, Request], bool] = lambda _path, _request: True


def _of_arrays(arrays: Callable[[Path], dict[str, Any]]) -> Callable[[Path, Request], ImageSet]:
    def read(path: Path, request: Request) -> ImageSet:
        options = request.options
        whole = set_of_arrays(arrays(path), path.stem, str(path), options.pixel_range)
        return adapt(whole, size=request.size, channels=request.channels, fit=options.fit)

    return read


def _npz(path: Path, request: Request) -> ImageSet:
    options = request.options
    if not _npz_is_cached(path, request):
        return read_npz(path, pixel_range=options.pixel_range)
    whole = read_npz(path, allocate=request.allocate, pixel_range=options.pixel_range)
    return adapt(whole, size=request.size, channels=request.channels, fit=options.fit, allocate=request.allocate)


def _npz_is_cached(path: Path, request: Request) -> bool:
    """Unpacked once where it is large and compressed, resized once: Omniglot at 105 pixels is 360 MB, at 28, 25."""
    return request.size is not None or must_unpack(path)


def _parquet(path: Path, request: Request) -> ImageSet:
    return read_parquet(path, request.allocate, request.size, request.channels, request.options)


def _list(path: Path, request: Request) -> ImageSet:
    return folder_set(
        path.parent, request.size, request.channels, parts=request.parts, options=request.options, lists=path,
        cache_in=request.cache,
    )  # fmt: skip


FORMATS = (
    FileFormat((".npz",), "arrays of numpy: images, labels, ... (see exchange.py)", _npz, is_cached=_npz_is_cached),
    FileFormat((".npy",), "images of numpy, with a file of labels beside it", _of_arrays(npy_arrays), label_files),
    FileFormat((".mat",), "MATLAB 5 to 7: SVHN's X and y, or images and labels", _of_arrays(mat_arrays)),
    FileFormat((".pkl", ".pickle", ".p"), "pickles of arrays, read without running them", _of_arrays(pickled_arrays)),
    FileFormat((".pt", ".pth"), "tensors of PyTorch: (images, labels)", _of_arrays(torch_arrays)),
    FileFormat((".parquet", ".arrow"), "image sets of the Hugging Face hub; needs pyarrow", _parquet),
    FileFormat((".csv", ".tsv", ".jsonl"), "a list of images: filename, label, split", _list,
               is_cached=lambda _path, _request: False),
)  # fmt: skip

_ADVICE = {
    (".zip", ".tar", ".gz", ".tgz", ".rar", ".7z", ".bz2", ".xz"): "unpack it and give the folder",
    (".h5", ".hdf5", ".hdf"): "save its arrays with numpy.savez(path, images=..., labels=...)",
    (".tfrecord", ".tfrecords", ".lmdb", ".beton", ".json", ".xlsx"): "save the images as files in class"
    " folders, or with numpy.savez(path, images=..., labels=...)",
}
_CIFAR = ("train", "test", "meta", "batches.meta")
_CIFAR_BATCHES = ("data_batch", "test_batch")
"""Names, and beginnings of names, without an ending of the pickles that CIFAR is published in."""


def format_of(path: Path) -> FileFormat | None:
    """The format of a file by its ending, or by the names of CIFAR's files; None if there is none."""
    ending = path.suffix.lower()
    if path.name in _CIFAR or path.name.startswith(_CIFAR_BATCHES):
        return next(f for f in FORMATS if ".pkl" in f.endings)
    return next((f for f in FORMATS if ending in f.endings), None)


def required_format(path: Path) -> FileFormat:
    """The format of a file.

    Raises:
        UserError: a file that is no data set, with what to do.
    """
    if not path.is_file():
        raise UserError(f"{path}: is a pipe, a socket or a device, which is never opened; name a file or a folder")
    found = format_of(path)
    if found is not None:
        return found
    advice = next((text for endings, text in _ADVICE.items() if path.suffix.lower() in endings), None)
    known = ", ".join(ending for one in FORMATS for ending in one.endings)
    raise UserError(f"{path}: is a file; metaclr reads folders of images and {known}; {advice or 'convert it to one'}")
