"""The data that every encoder is evaluated on: images, stored episodes, train/test parts and label subsets."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, replace
from functools import cached_property
from hashlib import sha256
from pathlib import Path

from torch import Tensor, nn

from episodes import EpisodeTable, ImageSet, TaskShape, stored_label_subset, stored_table
from metaclr.adaptation.procedure import Procedure
from metaclr.data.image_attributes import CAPTION
from metaclr.errors import UserError
from metaclr.evaluation.label_subsets import low_label_probes
from metaclr.evaluation.linear_probe import Probe
from metaclr.evaluation.measurement import join
from metaclr.evaluation.pairing import Pairing
from metaclr.evaluation.target_split import TargetSplit, target_split
from metaclr.heads.source_statistics import SourceFeatures
from metaclr.memory import place

SPLIT_SEED = 0
"""Train and test images of a target never depend on the seed of a run."""


@dataclass(frozen=True, eq=False)
class Target:
    """One target, the same for every encoder.

    Few-shot episodes draw on all `images`; probes fit on `images[train]` and are evaluated on `images[test]`: the set's
    own parts, or stratified halves (see `target_split`). `subsets`: by the name tables use, indices into `train`, per
    subset seed. rendered_from: fingerprint of the set whose images these are at another size, on which the episodes
    were drawn; empty: their own. Images with captions need no labels: retrieval alone is measured on them. Raises
    UserError without labels and captions, or for episodes of other images; EpisodeError for a
    class with one image.
    """

    name: str
    images: ImageSet
    tables: tuple[EpisodeTable, ...] = ()
    subsets: tuple[tuple[str, tuple[Tensor, ...]], ...] = ()
    rendered_from: str = ""

    def __post_init__(self) -> None:
        check_measurable(self.name, self.images)
        for table in self.tables:
            if table.fingerprint != self.images_fingerprint:
                raise UserError(f"target {self.name!r}: the stored episodes are of another image set")

    @cached_property
    def split(self) -> TargetSplit:
        """Which images probes are fitted and tested on."""
        return target_split(self.images, SPLIT_SEED)

    @property
    def images_fingerprint(self) -> str:
        """SHA-256 (hex) of the images that episodes and subsets index: one for all sizes of the same images."""
        return self.rendered_from or self.images.fingerprint()

    def at_size(self, images: ImageSet) -> Target:
        """The same target with its images in another size or other channels: the same episodes and label subsets.

        Raises:
            UserError: images that are not the same ones in the same order, as far as labels and class names tell.
        """
        mine, other = self.images.labels, images.labels
        alike = mine is other is None or (mine is not None and other is not None and other.cpu().equal(mine.cpu()))
        same = images.class_names == self.images.class_names and len(images) == len(self.images) and alike
        if not same:
            raise UserError(f"target {self.name!r}: at another size it has other images; --on-corrupt error finds them")
        return replace(self, images=images, rendered_from=self.images_fingerprint)

    @property
    def train(self) -> Tensor:
        """Indices of the training images, sorted."""
        return self.split.train

    @property
    def test(self) -> Tensor:
        """Indices of the test images, sorted."""
        return self.split.test

    @cached_property
    def fingerprint(self) -> str:
        """SHA-256 (hex) over the images and over which of them are fitted, chosen and tested on."""
        return sha256(f"{self.images_fingerprint} {self.split}".encode()).hexdigest()

    @cached_property
    def train_images(self) -> ImageSet:
        """The training images, with the classes that have some."""
        return self.images.select(self.train).with_at_least(1)


def check_measurable(name: str, images: ImageSet) -> None:
    """Refuse a target on which nothing can be measured.

    Raises:
        UserError: images without labels and without captions.
    """
    if images.labels is None and CAPTION not in images.attributes:
        raise UserError(f"target {name!r} has no labels, so nothing can be measured on it")


def make_target(
    name: str,
    images: ImageSet,
    *,
    size: int | None = None,
    channels: int | None = None,
    ways: Sequence[int] = (5, 20),
    shots: Sequence[int] = (1, 5),
    query: int = 15,
    episodes: int = 2000,
    seed: int = 0,
    fractions: Sequence[float] = (0.01, 0.1),
    per_class: Sequence[int] = (5,),
    subsets: int = 3,
    folder: Path | None = None,
) -> Target:
    """Bring images to an encoder's size and channels, and draw (or read from `folder`) episodes and subsets.

    Args:
        query: queries per way, as in the field; fewer where the smallest class has fewer images (`task_shapes`).

    Raises:
        UserError, EpisodeError: no labels, or a way, shot or number per class that the set cannot give.
    """
    from metaclr.data import adapt

    fitting = adapt(images, size=size, channels=channels)
    shapes = task_shapes(fitting, ways, shots, query)
    tables = tuple(stored_table(fitting, shape, episodes, seed, folder) for shape in shapes)
    bare = Target(name, fitting, tables)
    train = bare.train_images if fractions or per_class else fitting
    return Target(name, fitting, tables, choose_labels(train, fractions, per_class, subsets, folder))


def task_shapes(images: ImageSet, ways: Sequence[int], shots: Sequence[int], query: int) -> list[TaskShape]:
    """Every way with every shot, and as many queries per way as the smallest class allows, up to `query`.

    At least 1 query, so that drawing the tasks refuses a shot that leaves none.
    """
    smallest = int(images.class_counts().min())
    return [TaskShape(way, shot, max(1, min(query, smallest - shot))) for way in ways for shot in shots]


def choose_labels(
    train: ImageSet, fractions: Sequence[float], per_class: Sequence[int], subsets: int, folder: Path | None
) -> tuple[tuple[str, tuple[Tensor, ...]], ...]:
    """The label subsets of a training part, stored in `folder`: the name tables use, and indices per subset seed.

    Raises:
        EpisodeError: a fraction or a number per class that the part cannot give, or a damaged file.
    """
    few: list[tuple[str, tuple[Tensor, ...]]] = []
    for fraction in fractions:
        indices = tuple(stored_label_subset(train, s, folder, fraction=fraction) for s in range(subsets))
        few.append((f"{fraction * 100:g} % ({len(indices[0])})", indices))
    for k in per_class:
        indices = tuple(stored_label_subset(train, s, folder, per_class=k) for s in range(subsets))
        few.append((f"{k} per class ({len(indices[0])})", indices))
    return tuple(few)


@dataclass(frozen=True, eq=False)
class Embedded:
    """A target as one encoder sees it: the encoder, the features (M, F) of all images, and how they were made."""

    encoder: nn.Module
    target: Target
    features: Tensor
    protocol: str
    source: SourceFeatures | None = None
    procedure: Procedure | None = None
    pairing: Pairing | None = None
    """Of an encoder that was trained with texts: what compares its features with them."""

    @property
    def probe_protocol(self) -> str:
        """The protocol of the features, and which images were fitted, chosen and tested on."""
        return join(self.protocol, split=self.target.split)

    def _labels(self, index: Tensor) -> Tensor:
        return self.target.images.required_labels()[index]

    @cached_property
    def probe_parts(self) -> tuple[Tensor, Tensor, Tensor, Tensor]:
        """x (n, F), y (n,), x_test (m, F), y_test (m,) on the device of the features."""
        at = self.features.device
        found: list[Tensor] = []
        for index in (self.target.train, self.target.test):
            rows = index.to(at)
            found += [self.features[rows], self._labels(index).to(at)]
        return found[0], found[1], found[2], found[3]

    @cached_property
    def validation_part(self) -> tuple[Tensor, Tensor] | None:
        """x_val (v, F) and y_val (v,) of the part to choose settings on; None where the set has none."""
        val = self.target.split.val
        at = self.features.device
        return (self.features[val.to(at)], self._labels(val).to(at)) if len(val) else None

    @cached_property
    def image_parts(self) -> tuple[ImageSet, ImageSet]:
        """The training and the test images, on the device of the features where they fit."""
        at = self.features.device
        images = self.target.images
        return place(images.select(self.target.train), at), place(images.select(self.target.test), at)

    def probes(self, labels: str) -> tuple[Probe, ...]:
        """The linear probe of each label subset of that name: evaluated frozen, and the start of fine-tuning."""
        if labels not in self._fitted:
            x, y, *_ = self.probe_parts
            self._fitted[labels] = low_label_probes(x, y, dict(self.target.subsets)[labels])
        return self._fitted[labels]

    @cached_property
    def _fitted(self) -> dict[str, tuple[Probe, ...]]:
        return {}
