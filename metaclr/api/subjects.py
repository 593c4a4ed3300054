"""The encoders that `metaclr diagnose` is given, by name: runs, comparisons, files, timm networks, embeddings."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, field
from pathlib import Path
from typing import TYPE_CHECKING

from metaclr.errors import UserError

if TYPE_CHECKING:
    from torch import Tensor, nn

    from metaclr.comparison.folders.run_networks import RunNetworks

LAYERS = ("features", "projected")
"""What is measured of an encoder: its features, or the embeddings of the projector that the loss compared."""
EMBEDDINGS = (".npy", ".npz")


@dataclass(frozen=True)
class Subject:
    """An encoder for images (channels, size, size), or embeddings (M, D) that were computed elsewhere.

    label: its name in tables. group: of several seeds. networks: of a run's folder. notes: on pretrained weights.
    """

    label: str
    group: str
    encoder: nn.Module | None = field(default=None, repr=False)
    channels: int = 1
    size: int = 28
    networks: RunNetworks | None = field(default=None, repr=False)
    embeddings: Tensor | None = field(default=None, repr=False)
    labels: Tensor | None = field(default=None, repr=False)
    notes: tuple[str, ...] = ()


def find_subjects(
    names: Sequence[str],
    *,
    channels: int | None = None,
    size: int | None = None,
    arch: str = "",
    pretrained: bool = True,
) -> list[Subject]:
    """The encoders of all names, with distinct labels.

    Args:
        names: the folder of a run or of a comparison (all its encoders), an `encoder.safetensors`; what
            `metaclr.pretrained` loads: `timm:NAME`, `hub:OWNER/NAME`, `open_clip:NAME/TAG`, FILE.py:FUNCTION, a file of
            weights; or embeddings: an .npz of `metaclr embed`, or an .npy (M, D).
        channels, size: of the images for encoders from elsewhere; None for their own. Runs know their own.
        arch: the network that files of weights are for, see `metaclr.pretrained`.
        pretrained: load timm's weights; otherwise random ones.

    Raises:
        UserError: what cannot be found or read.
    """
    found = [
        subject
        for name in names
        for subject in _of_name(name, channels=channels, size=size, arch=arch, pretrained=pretrained)
    ]
    labels = [one.label for one in found]
    for label in labels:
        if labels.count(label) > 1:
            raise UserError(f"{label!r} is the name of two encoders; give each run's own folder once")
    return found


def _of_name(name: str, *, channels: int | None, size: int | None, arch: str, pretrained: bool) -> list[Subject]:
    from metaclr.api.encoders import KINDS, is_from_library
    from metaclr.networks.pretrained.weights_file import is_weights_file
    from metaclr.networks.saved_encoder import NAME, is_saved_encoder

    path = Path(name)
    is_elsewhere = is_from_library(name) or ".py:" in name
    if is_elsewhere or (path.is_file() and is_weights_file(name) and not is_saved_encoder(path)):
        return [_from_elsewhere(name, channels=channels, size=size, arch=arch, pretrained=pretrained)]
    if path.suffix in EMBEDDINGS and path.is_file():
        return [_embeddings(path)]
    if path.is_file():
        return [_of_file(path)]
    if (path / NAME).is_file():
        return [_of_file(path / NAME)]
    files = sorted(path.glob(f"runs/*/{NAME}")) if path.is_dir() else []
    if not files:
        what = f"no {NAME} in it or in its runs" if path.exists() else "no such folder or file"
        raise UserError(
            f"{name!r}: {what}; give the folder of a comparison, an {NAME}, embeddings as .npz or .npy, {KINDS}"
        )
    return [_of_file(file) for file in files]


def _from_elsewhere(name: str, *, channels: int | None, size: int | None, arch: str, pretrained: bool) -> Subject:
    """An encoder that was not trained here, loaded and checked as `metaclr evaluate` does."""
    from metaclr.api.encoder_checks import checked_encoder
    from metaclr.api.encoders import is_from_library
    from metaclr.api.encoders import pretrained as load_by_name
    from metaclr.api.image_formats import format_of
    from metaclr.networks.pretrained.timm_weights import timm_encoder

    if name.startswith("timm:") and not pretrained:
        net: nn.Module = timm_encoder(name.partition(":")[2], channels=channels, size=size, weights=False)
    else:
        net = load_by_name(name, channels=channels, size=size, arch=arch)
    pixels, planes = format_of(net, size, channels)
    notes = tuple(getattr(net, "notes", ()))
    label = name if is_from_library(name) else Path(name).name
    return Subject(label, label, checked_encoder(net, name, channels=planes, size=pixels), planes, pixels, notes=notes)


def _of_file(path: Path) -> Subject:
    from metaclr.comparison.folders.run_networks import run_networks
    from metaclr.networks.saved_encoder import open_encoder

    encoder, description = open_encoder(path)
    networks = run_networks(path.parent, int(encoder.features))  # type: ignore[arg-type]
    label = path.parent.name or str(path)
    group = label if networks is None else networks.title
    return Subject(label, group, encoder, description.channels, description.size, networks)


def _embeddings(path: Path) -> Subject:
    from zipfile import BadZipFile

    import numpy as np
    import torch

    try:
        stored = np.load(path, mmap_mode="r" if path.suffix == ".npy" else None, allow_pickle=False)
        rows = stored if path.suffix == ".npy" else stored["features"]
        labels = stored["labels"] if path.suffix == ".npz" and "labels" in stored.files else None
    except (OSError, ValueError, KeyError, EOFError, BadZipFile) as error:
        raise UserError(f"{path}: not an array (M, D), nor an .npz with `features`: {error}") from None
    if rows.ndim != 2 or len(rows) < 2 or not np.issubdtype(rows.dtype, np.floating):
        raise UserError(f"{path}: {rows.dtype} {rows.shape}; embeddings are floats (M, D) with M of 2 or more")
    if labels is not None and labels.shape != rows.shape[:1]:
        raise UserError(f"{path}: labels {labels.shape} of {len(rows)} embeddings; they must be (M,)")
    if labels is not None and not np.issubdtype(labels.dtype, np.integer):
        labels = np.unique(labels, return_inverse=True)[1]
    classes = None if labels is None or (labels < 0).any() else torch.from_numpy(np.asarray(labels, dtype=np.int64))
    # A memory-mapped file is read as the measures pass over it; copy on write, since torch wants it writable.
    opened = np.load(path, mmap_mode="c") if path.suffix == ".npy" else np.asarray(rows)
    return Subject(path.stem, path.stem, embeddings=torch.from_numpy(opened), labels=classes)
