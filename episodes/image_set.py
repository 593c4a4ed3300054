"""A set of images with labels, class names and groups: what every sampler, renderer and evaluator takes."""

from __future__ import annotations

import json
from collections.abc import Iterable, Mapping, Sequence
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass, field, replace
from difflib import get_close_matches
from functools import cached_property
from hashlib import sha256
from os import cpu_count

import torch
from torch import Tensor

from episodes import random
from episodes.computed_images import ComputedImages
from episodes.errors import EpisodeError
from episodes.joined_images import JoinedImages
from episodes.stored_images import Images, blocks

_HASH_BLOCK = 1 << 24  # bytes of pixels per hashed block, so that blocks are hashed by several threads


@dataclass(frozen=True, eq=False)
class ImageSet:
    """Images that stay uint8 until they are augmented; shared by reference, never changed in place.

    images (M, C, H, W) uint8, C = 1 or 3: a tensor, or `StoredImages` that stay in their file. labels (M,) int64 in
    0..classes-1. class_names: one per class. groups: one per class (script, super-class). split: one per image.
    files: one per image, the file that it was read from. notes: lines on how the set was read, "topic: text".
    copies_of: one per class, what it is a changed copy of where classes are (turns of a character): equal for copies.
    attributes: by name (drawer, font), one value per image. clips (M, F, C, H, W) uint8: the F frames of the clip of
    each image, in order of time.
    Raises EpisodeError, in one line, for a wrong type or shape, an empty set, or a label out of range (-1).
    """

    images: Images
    labels: Tensor | None = None
    class_names: tuple[str, ...] = ()
    groups: tuple[str, ...] = ()
    split: tuple[str, ...] = ()
    name: str = "images"
    files: tuple[str, ...] = ()
    notes: tuple[str, ...] = ()
    copies_of: tuple[str, ...] = ()
    attributes: Mapping[str, tuple[str, ...]] = field(default_factory=dict)
    clips: Tensor | None = None

    def __post_init__(self) -> None:
        for name in ("class_names", "groups", "split", "files", "notes", "copies_of"):
            object.__setattr__(self, name, tuple(getattr(self, name)))
        _check_images(self)
        if self.labels is not None:
            _check_labels(self, self.labels)
        elif self.class_names or self.groups or self.copies_of:
            raise EpisodeError(f"{self.name}: class names, groups or copies without labels")
        for entries, count in (("split entries", len(self.split)), ("files", len(self.files))):
            if count not in (0, len(self)):
                raise EpisodeError(f"{self.name}: {count} {entries} for {len(self)} images")
        for name, values in self.attributes.items():
            if len(values) != len(self):
                raise EpisodeError(f"{self.name}: {len(values)} values of {name} for {len(self)} images")
        _check_clips(self)

    def __len__(self) -> int:
        """M, the number of images."""
        return self.images.shape[0]

    @property
    def channels(self) -> int:
        """C: 1 or 3."""
        return self.images.shape[1]

    @property
    def size(self) -> tuple[int, int]:
        """(H, W) in pixels."""
        return self.images.shape[2], self.images.shape[3]

    @cached_property
    def classes(self) -> int:
        """Number of classes; 0 without labels."""
        if self.labels is None:
            return 0
        return len(self.class_names) or int(self.labels.max()) + 1

    def class_counts(self) -> Tensor:
        """Images of each class: int64 (classes,) on the CPU."""
        return torch.bincount(self.required_labels(), minlength=self.classes)

    def class_origins(self) -> Tensor:
        """What each class is a copy of, as numbers that copies share: int64 (classes,); 0, 1, ... without copies."""
        if not self.copies_of:
            return torch.arange(self.classes)
        numbers = {name: i for i, name in enumerate(dict.fromkeys(self.copies_of))}
        return torch.tensor([numbers[name] for name in self.copies_of])

    def class_name(self, label: int) -> str:
        """The name of a class, or "class 7" where the set has no names."""
        return self.class_names[label] if self.class_names else f"class {label}"

    def required_labels(self) -> Tensor:
        """The labels (M,) on the CPU. Raises EpisodeError for a set that has none."""
        if self.labels is None:
            raise EpisodeError(f"{self.name}: this needs labels, and the set has none")
        return self.labels.cpu()

    def fingerprint(self) -> str:
        """SHA-256 (hex) over pixels, labels and class names; computed once."""
        return self._fingerprint

    @cached_property
    def _fingerprint(self) -> str:
        header = {"shape": list(self.images.shape), "class_names": self.class_names}
        content = sha256(json.dumps(header).encode())
        with ThreadPoolExecutor(cpu_count()) as pool:
            digests = pool.map(lambda rows: _digest(self.images, rows), blocks(self.images, _HASH_BLOCK))
            content.update(b"".join(digests))
        if self.labels is not None:
            content.update(b"labels" + sha256(self.labels.cpu().contiguous().numpy().data).digest())
        return content.hexdigest()

    def select(self, indices: Tensor | Sequence[int]) -> ImageSet:
        """The images at `indices` (B,), in that order; classes stay as they are, even those left empty.

        A run of consecutive indices shares memory with this set, and a selection of mapped images their
        file. EpisodeError if an index is out of range.
        """
        index = torch.as_tensor(indices, dtype=torch.int64).cpu()
        if len(index) and (int(index.min()) < 0 or int(index.max()) >= len(self)):
            raise EpisodeError(f"{self.name}: image indices must be in 0..{len(self) - 1}")
        rows = index.tolist()
        split = tuple(self.split[i] for i in rows) if self.split else ()
        files = tuple(self.files[i] for i in rows) if self.files else ()
        labels = None if self.labels is None else _rows(self.labels, index)
        return replace(
            self,
            images=_selected(self.images, index),
            labels=labels,
            split=split,
            files=files,
            attributes={name: tuple(values[i] for i in rows) for name, values in self.attributes.items()},
            clips=None if self.clips is None else _rows(self.clips, index),
        )

    def only_classes(self, classes: Iterable[int] | Iterable[str] | Tensor) -> ImageSet:
        """The images of some classes (ids or names), relabelled 0, 1, ... in the order given, in image order.

        Raises EpisodeError for a class that is not there, is named twice, or has a name of several classes.
        """
        wanted = classes.tolist() if isinstance(classes, Tensor) else list(classes)
        ids = [self._class_id(item) for item in wanted]
        if len(set(ids)) != len(ids) or not ids:
            raise EpisodeError(f"{self.name}: classes must be given once each, and at least one")
        renumbered = torch.full((self.classes,), -1)
        renumbered[torch.tensor(ids)] = torch.arange(len(ids))
        labels = renumbered[self.required_labels()]
        kept = (labels >= 0).nonzero().flatten()
        if not len(kept):
            raise EpisodeError(f"{self.name}: there is no image of these classes")
        return replace(
            self,
            images=_selected(self.images, kept),
            labels=labels[kept].to(self.images.device),
            class_names=tuple(self.class_names[i] for i in ids) if self.class_names else (),
            groups=tuple(self.groups[i] for i in ids) if self.groups else (),
            split=tuple(self.split[i] for i in kept.tolist()) if self.split else (),
            files=tuple(self.files[i] for i in kept.tolist()) if self.files else (),
            copies_of=tuple(self.copies_of[i] for i in ids) if self.copies_of else (),
            attributes={name: tuple(values[i] for i in kept.tolist()) for name, values in self.attributes.items()},
            clips=None if self.clips is None else _rows(self.clips, kept),
        )

    def with_at_least(self, count: int) -> ImageSet:
        """Without the classes of fewer than `count` images, relabelled."""
        kept = (self.class_counts() >= count).nonzero().flatten()
        if not len(kept):
            raise EpisodeError(f"{self.name}: no class has {count} images; the largest has {self.class_counts().max()}")
        return self if len(kept) == self.classes else self.only_classes(kept)

    def only_groups(self, names: str | Iterable[str]) -> ImageSet:
        """The classes of some groups. Raises EpisodeError for an unknown group."""
        wanted = self._known_groups(names)
        return self.only_classes([i for i, group in enumerate(self.groups) if group in wanted])

    def unlabelled(self) -> ImageSet:
        """The same images without labels, class names and groups."""
        return replace(self, labels=None, class_names=(), groups=(), copies_of=())

    def without_split(self) -> ImageSet:
        """The same images without parts."""
        return replace(self, split=())

    def with_labels(self, labels: Tensor, class_names: Sequence[str] = ()) -> ImageSet:
        """The same images under other labels (M,): clusters, attributes; groups and copies are dropped."""
        return replace(self, labels=labels, class_names=tuple(class_names), groups=(), copies_of=())

    def shuffled_labels(self, seed: int) -> ImageSet:
        """The same labels dealt to the images at random: the negative control, where all is at chance."""
        order = torch.argsort(random.random_words(random.key(seed, "shuffled labels"), torch.arange(len(self))))
        return replace(self, labels=self.required_labels()[order].to(self.images.device))

    def to(self, device: torch.device | str) -> ImageSet:
        """The same set with images and labels in the memory of `device`, mapped ones too; keeps a known fingerprint."""
        moved = replace(
            self,
            images=self.images.to(device),
            labels=None if self.labels is None else self.labels.to(device),
            clips=None if self.clips is None else self.clips.to(device),
        )
        if "_fingerprint" in self.__dict__:
            moved.__dict__["_fingerprint"] = self._fingerprint
        return moved

    def in_memory_of(self, device: torch.device) -> bool:
        """Whether the images are in the memory of `device`: not in a file, nor on another kind of device."""
        parts = self.images.parts if isinstance(self.images, JoinedImages) else (self.images,)
        stored = [part.base if isinstance(part, ComputedImages) else part for part in parts]
        return all(isinstance(images, Tensor) and images.device.type == device.type for images in stored)

    def _class_id(self, item: int | str) -> int:
        if isinstance(item, str):
            ids = [i for i, name in enumerate(self.class_names) if name == item]
            if len(ids) > 1:
                raise EpisodeError(f"{self.name}: {len(ids)} classes are called {item!r}; give their ids {ids}")
            if not ids:
                raise _unknown(f"{self.name}: unknown class", item, set(self.class_names))
            return ids[0]
        if not 0 <= int(item) < self.classes:
            raise EpisodeError(f"{self.name}: class {item} is not in 0..{self.classes - 1}")
        return int(item)

    def _known_groups(self, names: str | Iterable[str]) -> set[str]:
        wanted = {names} if isinstance(names, str) else set(names)
        for name in sorted(wanted - set(self.groups)):
            raise _unknown(f"{self.name}: unknown group", name, set(self.groups))
        return wanted


def by_class(labels: Tensor, classes: int) -> tuple[Tensor, Tensor]:
    """Images ordered by class: class c of labels (M,) is order[offsets[c] : offsets[c + 1]]."""
    counts = torch.bincount(labels, minlength=classes)
    offsets = torch.cat([counts.new_zeros(1), counts.cumsum(0)])
    return torch.argsort(labels, stable=True), offsets


def _check_images(image_set: ImageSet) -> None:
    name, images = image_set.name, image_set.images
    if images.dtype != torch.uint8:
        raise EpisodeError(f"{name}: images must be uint8 (0..255), not {images.dtype}")
    if images.ndim != 4 or images.shape[1] not in (1, 3):
        raise EpisodeError(f"{name}: images must be (M, C, H, W) with C = 1 or 3, not {tuple(images.shape)}")
    if not images.numel():
        raise EpisodeError(f"{name}: the set is empty")


def _check_clips(image_set: ImageSet) -> None:
    clips = image_set.clips
    wanted = (len(image_set), *image_set.images.shape[1:])
    if clips is not None and (
        clips.dtype != torch.uint8 or clips.ndim != 5 or (len(clips), *clips.shape[2:]) != wanted
    ):
        raise EpisodeError(
            f"{image_set.name}: clips must be uint8 (M, F, C, H, W) of images {tuple(image_set.images.shape)}, not "
            f"{clips.dtype} {tuple(clips.shape)}"
        )


def _check_labels(image_set: ImageSet, labels: Tensor) -> None:
    name, count = image_set.name, len(image_set)
    if labels.dtype != torch.int64 or labels.shape != (count,):
        raise EpisodeError(f"{name}: labels must be int64 ({count},), not {labels.dtype} {tuple(labels.shape)}")
    least, most = int(labels.min()), int(labels.max())
    if least < 0:
        where = int((labels < 0).nonzero()[0])
        raise EpisodeError(f"{name}: image {where} has label {least}; labels start at 0, or are None altogether")
    if image_set.class_names and most >= len(image_set.class_names):
        raise EpisodeError(f"{name}: label {most} for {len(image_set.class_names)} class names")
    for what, entries in (("groups", image_set.groups), ("copies_of", image_set.copies_of)):
        if entries and len(entries) != image_set.classes:
            raise EpisodeError(f"{name}: {len(entries)} {what} for {image_set.classes} classes")


def _selected(images: Images, index: Tensor) -> Images:
    return _rows(images, index) if isinstance(images, Tensor) else images.view(index)


def _rows(tensor: Tensor, index: Tensor) -> Tensor:
    """tensor[index], but a view where the indices are one ascending run."""
    if len(index) and bool((index == torch.arange(len(index)) + index[0]).all()):
        return tensor[int(index[0]) : int(index[0]) + len(index)]
    return tensor[index.to(tensor.device)]


def _digest(images: Images, rows: slice) -> bytes:
    content = sha256()
    for part in blocks(images, within=rows):
        content.update(images[part].cpu().contiguous().numpy().data)
    return content.digest()


def _unknown(what: str, name: str, known: set[str]) -> EpisodeError:
    near = get_close_matches(name, sorted(known), n=1)
    hint = f"did you mean {near[0]!r}?" if near else f"there are: {', '.join(sorted(known)[:20]) or 'none'}"
    return EpisodeError(f"{what} {name!r}; {hint}")
