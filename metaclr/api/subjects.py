"""The encoders that `metaclr diagnose` is given, by name: runs, comparisons, files, timm networks, embeddings."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, field
from pathlib import Path
from typing import TYPE_CHECKING

from metaclr.errors import UserError

if TYPE_CHECKING:
    from torch import Tensor, nn

    from metaclr.comparison.run_networks import RunNetworks

LAYERS = ("features", "projected")
"""What is measured of an encoder: its features, or the embeddings of the projector that the loss compared."""
EMBEDDINGS = (".npy", ".npz")


@dataclass(frozen=True)
class Subject:
    """An encoder for images (channels, size, size), or embeddings (M, D) that were computed elsewhere.

    label: its name in tables. group: of several seeds. networks: of a run's folder.
    """

    label: str
    group: str
    encoder: nn.Module | None = field(default=None, repr=False)
    channels: int = 1
    size: int = 28
    networks: RunNetworks | None = field(default=None, repr=False)
    embeddings: Tensor | None = field(default=None, repr=False)
    labels: Tensor | None = field(default=None, repr=False)


def find_subjects(names: Sequence[str], *, channels: int, size: int, pretrained: bool = True) -> list[Subject]:
    """The encoders of all names, with distinct labels.

    Args:
        names: the folder of a run or of a comparison (all its encoders), an `encoder.safetensors`, `timm:NAME`,
            FILE.py:FUNCTION, or embeddings: an .npz of `metaclr embed`, or an .npy (M, D).
        channels, size: of the images that timm networks and functions are given; files know their own.
        pretrained: load timm's weights; otherwise random ones.

    Raises:
        UserError: what cannot be found or read.
    """
    found = [subject for name in names for subject in _of_name(name, channels, size, pretrained)]
    labels = [one.label for one in found]
    for label in labels:
        if labels.count(label) > 1:
            raise UserError(f"{label!r} is the name of two encoders; give each run's own folder once")
    return found


def _of_name(name: str, channels: int, size: int, pretrained: bool) -> list[Subject]:
    from metaclr.networks.saved_encoder import NAME

    path = Path(name)
    if name.startswith("timm:"):
        return [Subject(name, name, _timm(name, channels, size, pretrained), channels, size)]
    if ".py:" in name:
        from metaclr.api.encoders import pretrained as load_by_name

        return [Subject(name, name, load_by_name(name, channels=channels, size=size), channels, size)]
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
            f"{name!r}: {what}; give the folder of a run or comparison, an {NAME}, timm:NAME, FILE.py:FUNCTION, or "
            "embeddings as .npz or .npy"
        )
    return [_of_file(file) for file in files]


def _of_file(path: Path) -> Subject:
    from metaclr.comparison.run_networks import run_networks
    from metaclr.networks.saved_encoder import open_encoder

    encoder, description = open_encoder(path)
    networks = run_networks(path.parent, int(encoder.features))  # type: ignore[arg-type]
    label = path.parent.name or str(path)
    group = label if networks is None else networks.title
    return Subject(label, group, encoder, description.channels, description.size, networks)


def _timm(name: str, channels: int, size: int, pretrained: bool) -> nn.Module:
    from metaclr.networks import build_encoder

    options = {"pretrained": True} if pretrained else {}
    try:
        return build_encoder(name, channels, size, seed=0, **options)
    except UserError:
        raise
    except Exception as error:  # its weights are downloaded, which fails in many ways
        reason = " ".join(str(error).split())[:160]
        raise UserError(f"{name}: its weights cannot be loaded: {reason}; --no-pretrained gives random ones") from error


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
