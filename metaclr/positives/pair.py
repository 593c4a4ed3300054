"""An image and its text: the support of a way is a text, its queries are images that the text belongs to."""

from __future__ import annotations

from dataclasses import dataclass, replace
from hashlib import sha256
from typing import TYPE_CHECKING, ClassVar

import torch

from episodes import Episode, ImageSet, TaskShape, random
from episodes.epoch_permutation import EpochPermutation
from episodes.image_set import by_class
from episodes.sampler import share_of_rank
from metaclr.errors import UserError
from metaclr.positives.objective_labels import of_instances
from metaclr.positives.source import Draw, Positives
from metaclr.text.captions import captions
from metaclr.text.token_views import TokenViews
from metaclr.text.tower import is_own

if TYPE_CHECKING:
    from metaclr.methods.method import Method


@dataclass(frozen=True)
class Pair(Positives):
    """text: encoder of the texts, trained with the image encoder: `transformer`, `bag`, or `open_clip:NAME`, which
    starts from weights as `open_clip:NAME/TAG`. drop, shuffle, span: views of the texts (`metaclr.text.TokenViews`).

    Texts are the captions of the images, else the names of their classes. `clip(positives=pair)` is CLIP on a small
    scale.
    """

    summary: ClassVar[str] = "an image and its text: its caption, or the name of its class"
    reference: ClassVar[str] = "Radford et al. 2021 (CLIP), arXiv:2103.00020"
    text: str = "transformer"
    drop: float = 0.0
    shuffle: bool = False
    span: float = 1.0

    def __post_init__(self) -> None:
        own = is_own(self.text)
        try:
            views = self.token_views
        except UserError as error:
            raise UserError(f"pair.{error}") from error
        if not own and views != TokenViews():
            raise UserError(f"pair.text = {self.text!r} takes whole texts: leave out pair.drop, .shuffle and .span")

    @property
    def token_views(self) -> TokenViews:
        """The views of the texts."""
        return TokenViews(self.drop, self.shuffle, self.span)

    def method(self, method: Method) -> Method:
        """Ways are texts, each a class of its own; a name of a class is a label."""
        if method.learner is not None or method.reconstruction:
            raise UserError(
                f"{method.name or 'method'}.positives = 'pair': a way's support is a text, which a learner of its own "
                "and a decoder cannot take"
            )
        return replace(of_instances(method, "pair"), labels="given")

    def labelled(self, images: ImageSet) -> ImageSet:
        """The same images; the classes are their texts."""
        texts = captions(images)
        names = sorted(set(texts))
        number = {text: i for i, text in enumerate(names)}
        return images.with_labels(torch.tensor([number[text] for text in texts], device=images.images.device), names)

    def ways(self, images: ImageSet) -> ImageSet:
        """One image of each text: a task has at most as many ways as there are texts."""
        found = self.labelled(images)
        order, offsets = by_class(found.required_labels(), found.classes)
        return replace(found.select(order[offsets[:-1]]), name=f"texts of {images.name}")

    def sampler(self, draw: Draw) -> PairSampler:
        """Ways of a text and images of it."""
        return PairSampler(draw.images, draw.shape, seed=draw.seed, rank=draw.rank, world=draw.world)

    def key(self, images: ImageSet) -> str:
        """Hash of the texts."""
        return sha256("\x1f".join(captions(images)).encode()).hexdigest()


class PairSampler:
    """Batches of tasks, each a pure function of (seed, step); a way is a text, its views are random images of it.

    The first `shot` views stand for the text. Texts are walked through by a keyed permutation, each once an epoch, so
    that no text is in a task twice. Classes of `image_set` are its texts.
    """

    def __init__(self, image_set: ImageSet, shape: TaskShape, *, seed: int, rank: int = 0, world: int = 1) -> None:
        """Raises UserError for more ways than there are texts."""
        self.image_set, self.shape, self.seed, self.rank, self.world = image_set, shape, seed, rank, world
        if shape.way > image_set.classes:
            raise UserError(
                f"{image_set.name}: {shape.way} ways of one text each, and its images have {image_set.classes} texts; "
                "set fewer ways or a smaller train.batch_views"
            )
        self._order, offsets = by_class(image_set.required_labels(), image_set.classes)
        self._starts, self._counts = offsets[:-1], offsets.diff()
        self._permutation = EpochPermutation(image_set.classes, shape.way, seed)

    def __call__(self, step: int) -> Episode:
        """The batch of a step >= 0: tables (T, N, V) of this rank, int64 on the CPU."""
        tasks, way = share_of_rank(self.shape, self.rank, self.world)
        places = (step * self.shape.tasks + tasks.unsqueeze(1)) * self.shape.way + way
        texts = self._permutation(places)
        items = places.unsqueeze(-1) * self.shape.views + torch.arange(self.shape.views)
        counts, starts = self._counts[texts].unsqueeze(-1), self._starts[texts].unsqueeze(-1)
        images = self._order[starts + random.below(random.key(self.seed, "images of a text", step), items, counts)]
        views = torch.arange(self.shape.views).expand(images.shape).contiguous()
        return Episode(images, views, texts, self.shape.shot, step)


SOURCE = Pair
