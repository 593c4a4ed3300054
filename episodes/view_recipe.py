"""What a view may look like: the operations in their order, and the ranges that their parameters are drawn from."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, fields

from torch import Tensor

from episodes import random
from episodes.operations.aug_mix import AugMix
from episodes.operations.autocontrast import Autocontrast
from episodes.operations.blur import Blur
from episodes.operations.dropout import Dropout
from episodes.operations.equalize import Equalize
from episodes.operations.erase import Erase
from episodes.operations.grayscale import Grayscale
from episodes.operations.jitter import Jitter
from episodes.operations.operation import Operation, Parameters, check_value
from episodes.operations.pose import Pose
from episodes.operations.posterize import Posterize
from episodes.operations.rand_augment import RandAugment
from episodes.operations.rows import MAX_SLOTS, MAX_VIEWS, Key, Rows
from episodes.operations.sharpness import Sharpness
from episodes.operations.solarize import Solarize
from episodes.operations.stroke import Stroke


@dataclass(frozen=True)
class ViewRecipe(
    # Every operation of a view, in the order in which they are applied: a new one is a file and an entry here.
    Pose,
    Stroke,
    RandAugment,
    AugMix,
    Jitter,
    Grayscale,
    Blur,
    Sharpness,
    Solarize,
    Posterize,
    Autocontrast,
    Equalize,
    Erase,
    Dropout,
):
    """Ranges of a random view; the defaults are the identity. Every parameter is drawn uniformly, per view.

    Pose, composed into one sampling grid and one bilinear interpolation. A half-image is half its width along
    x and half its height along y. What a pose brings in from outside of the image is 0 (black).
        crop_scale, crop_ratio: area (share) and width / height (log-uniform) of a random resized crop; a crop
        up to 1 lies inside the image. rotate: degrees to either side. zoom: factors of size (log-uniform).
        shear: slope to either side, on both axes. shift: half-images to either side, on both axes.
        elastic: root mean square displacement of a smooth random field, in half-images, on both axes, over
        elastic_cells x elastic_cells cells. flip_horizontal, flip_vertical, quarter_turns: probabilities; a
        quarter turn is by 90, 180 or 270 degrees.
    stroke: bright strokes thinned (-1: eroded by a pixel) to thickened (1: dilated by a pixel).
    Color: with probability jitter, factors of brightness, contrast and saturation in 1 ± amount (at least
        0) and a hue turned by up to ± hue, in this order; then gray with probability grayscale. Saturation, hue
        and grayscale do nothing to images of one channel.
    rand_augment: number of RandAugment's operations, of rand_augment_magnitude (0 to 30). aug_mix: severity of AugMix.
    blur: probability of a Gaussian blur, of blur_sigma pixels. sharpness: probability of a blend with the smoothed
        view, by sharpness_factor (2 sharpens, 0 smooths). solarize: probability that pixels from solarize_threshold on
        are inverted. posterize: probability of posterize_bits bits a channel. autocontrast, equalize: probabilities.
    random_erasing: probability of a black rectangle of random_erasing_area (share) and random_erasing_ratio
        (height / width). dropout: share of pixels set to black.

    Raises EpisodeError, naming the key, for a value that is out of range, inverted, or not a finite number.

    >>> ViewRecipe(blur=0.5).blur_sigma
    (0.1, 2.0)
    >>> ViewRecipe(blur=2)
    Traceback (most recent call last):
    episodes.errors.EpisodeError: views: blur = 2 is out of range: a probability, 0 to 1
    """

    def __post_init__(self) -> None:
        for field in fields(self):
            value = getattr(self, field.name)
            if isinstance(value, list):  # as TOML and JSON give it
                value = tuple(value)
                object.__setattr__(self, field.name, value)
            if not (value is None and field.default is None):
                check_value(field.name, value, field.metadata)

    def active(self, channels: int) -> list[type[Operation]]:
        """The operations that change some view of images with 1 or 3 channels, in order."""
        return [operation for operation in OPERATIONS if operation.is_active(self, channels)]


OPERATIONS: tuple[type[Operation], ...] = ViewRecipe.__bases__
"""The operations of a view, in the order in which they are applied."""

STREAMS = ("views", *(stream for operation in OPERATIONS for stream in operation.streams))
"""The random streams of the views of one step."""


def _all_slots() -> dict[str, int]:
    named = [slot for operation in OPERATIONS for slot in operation.slots.items()]
    for axis in zip(*named, strict=True):
        if len(set(axis)) < len(axis):
            raise ValueError(f"two operations of a view use one slot: {sorted(named, key=lambda slot: slot[1])}")
    if max(place for _, place in named) >= MAX_SLOTS:
        raise ValueError(f"the slots of a view's operations must be below {MAX_SLOTS}")
    return dict(named)


SLOTS = _all_slots()
"""Place of every uniform number that a view may draw."""


def keys_of(seed: int, step: int) -> tuple[int, ...]:
    """The keys of the random streams of one step, in the order of `STREAMS`."""
    return tuple(random.key(seed, stream, step) for stream in STREAMS)


def draw_parameters(
    recipe: ViewRecipe,
    *,
    keys: Mapping[str, Key],
    ids: Tensor,
    views: Tensor,
    channels: int,
    height: int,
    width: int,
) -> dict[type[Operation], Parameters]:
    """The parameters of one view per row, (B, ...) each: a function of (keys, ids[b], views[b]) alone.

    An operation that the recipe leaves out, or that does nothing to images of one channel, has no entry.

    Args:
        keys: by the name of the stream.
        ids, views: (B,) int64 on one device; views in 0..4095.

    Raises:
        EpisodeError: quarter turns of images that are not square.
    """
    active = recipe.active(channels)
    slots = {name: place for operation in active for name, place in operation.slots.items()}
    rows = Rows(keys, ids * MAX_VIEWS + views, slots, channels=channels, height=height, width=width)
    return {operation: operation.draw(recipe, rows) for operation in active}
