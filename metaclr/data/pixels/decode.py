"""Image files decoded once, by several threads, straight into one uint8 array."""

from __future__ import annotations

from collections.abc import Callable, Iterator, Sequence
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass
from itertools import islice
from os import cpu_count
from typing import TYPE_CHECKING

import numpy as np

from metaclr.data.options import Fit
from metaclr.data.pixels.deep_pixels import as_bytes, is_deep
from metaclr.data.pixels.originals import reason
from metaclr.data.scratch import Pixels, release

if TYPE_CHECKING:
    from PIL.Image import Image

OWN_SIZE = 84
"""The size of photographs for which none is asked: that of mini-ImageNet."""

FULL_RANGE = (0.0, 65535.0)
"""Of 16-bit files, where no range was found for their set."""

_RELEASE = 1024  # images, after which those that went into a file leave the memory of this process


@dataclass(frozen=True)
class Decoded:
    """What could not be read, by index, and why; and the indices of the images of one single color, sorted."""

    unreadable: dict[int, str]
    constant: tuple[int, ...]


def decode(
    opened: Sequence[Callable[[], Image]],
    out: Pixels,
    report: Callable[[int, int], None] = lambda done, total: None,
    *,
    fit: Fit = "crop",
    pixel_range: tuple[float, float] = FULL_RANGE,
) -> Decoded:
    """Fill out (M, C, S, S) with M images; image i comes from `opened[i]()`, made square as `fit` says."""
    unreadable: dict[int, str] = {}
    constant: list[int] = []

    def one(i: int) -> None:
        try:
            with opened[i]() as image:
                out[i] = fitted(image, out.shape[2], out.shape[1], fit, pixel_range)
        except Exception as error:  # Pillow's plugins raise what they like on damaged files
            unreadable[i] = reason(error)
        else:
            pixels = out[i].reshape(out.shape[1], -1)
            if (pixels == pixels[:, :1]).all():
                constant.append(i)

    with ThreadPoolExecutor(cpu_count()) as pool:
        for done, _ in enumerate(_in_turn(pool, one, len(opened)), start=1):
            report(done, len(opened))
            if done % _RELEASE == 0:
                release(out)
    return Decoded(dict(sorted(unreadable.items())), tuple(sorted(constant)))


def fitted(
    image: Image, size: int, channels: int, fit: Fit = "crop", pixel_range: tuple[float, float] = FULL_RANGE
) -> Pixels:
    """One image as (C, size, size): gray, or color without transparency, resized by antialiased bilinear.

    fit: "crop" resizes the short side and cuts to the center, "pad" resizes the long side and adds a black border,
    "stretch" resizes both sides.
    """
    from PIL import Image as Pillow
    from PIL import ImageOps

    if is_deep(image):
        deep, image = image, as_bytes(image, pixel_range)
        image.getexif()[0x0112] = deep.getexif().get(0x0112, 1)  # after the pixels, for it may load a file its own way
    image = ImageOps.exif_transpose(image)
    if image.mode in ("P", "PA", "LA") or "transparency" in image.info:
        image = image.convert("RGBA")
    if image.mode == "RGBA":
        ground = Pillow.new("RGBA", image.size, "white")
        image = Pillow.alpha_composite(ground, image)
    if image.mode == "LAB":  # which Pillow converts by color profiles only
        from PIL import ImageCms

        profiles = (ImageCms.createProfile("LAB"), ImageCms.createProfile("sRGB"))
        image = ImageCms.profileToProfile(image, *profiles, outputMode="RGB") or image
    converted = image.convert("L" if channels == 1 else "RGB")
    side, method = (size, size), Pillow.Resampling.BILINEAR
    if converted.size != side:
        if fit == "crop":
            converted = ImageOps.fit(converted, side, method=method)
        elif fit == "pad":
            converted = ImageOps.pad(converted, side, method=method, color=0)
        else:
            converted = converted.resize(side, method)
    pixels = np.asarray(converted)
    return pixels[None] if channels == 1 else pixels.transpose(2, 0, 1)


def constant_notes(constant: Sequence[int], total: int, names: Sequence[str], how: str) -> list[str]:
    """A note on images that have a single color once they were decoded."""
    if not constant:
        return []
    return [
        f"warning: {len(constant):,} of {total:,} images are of one single color {how} (first {names[constant[0]]})"
    ]


def _in_turn(pool: ThreadPoolExecutor, work: Callable[[int], None], count: int) -> Iterator[None]:
    """As pool.map, but with a bounded number of waiting calls, so that Ctrl-C ends it at once."""
    order = iter(range(count))
    waiting = [pool.submit(work, i) for i in islice(order, 64)]
    while waiting:
        waiting.pop(0).result()
        waiting += [pool.submit(work, i) for i in islice(order, 1)]
        yield
