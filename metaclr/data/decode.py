"""Image files decoded once, by several threads, straight into one uint8 array."""

from __future__ import annotations

from collections.abc import Callable, Iterator, Sequence
from concurrent.futures import ThreadPoolExecutor
from itertools import islice
from os import cpu_count
from typing import TYPE_CHECKING

import numpy as np

from metaclr.data.scratch import Pixels, release

if TYPE_CHECKING:
    from PIL.Image import Image

OWN_SIZE = 84
"""The size of photographs for which none is asked: that of mini-ImageNet."""


_RELEASE = 1024  # images, after which those that went into a file leave the memory of this process


def decode(
    opened: Sequence[Callable[[], Image]],
    out: Pixels,
    report: Callable[[int, int], None] = lambda done, total: None,
) -> dict[int, str]:
    """Fill out (M, C, S, S) with M images; image i comes from `opened[i]()`. Returns what could not be read, and why.

    The short side is resized to S (antialiased bilinear) and the centre cropped.
    """
    unreadable: dict[int, str] = {}

    def one(i: int) -> None:
        try:
            out[i] = fitted(opened[i](), out.shape[2], out.shape[1])
        except Exception as error:  # Pillow's plugins raise what they like on damaged files
            unreadable[i] = " ".join(str(error).split()) or type(error).__name__

    with ThreadPoolExecutor(cpu_count()) as pool:
        for done, _ in enumerate(_in_turn(pool, one, len(opened)), start=1):
            report(done, len(opened))
            if done % _RELEASE == 0:
                release(out)
    return dict(sorted(unreadable.items()))


def fitted(image: Image, size: int, channels: int) -> Pixels:
    """One image as (C, size, size): short side to `size`, centre cropped; grey, or colour without transparency."""
    from PIL import Image as Pillow
    from PIL import ImageOps

    image = ImageOps.exif_transpose(image)
    if image.mode in ("P", "PA", "LA") or "transparency" in image.info:
        image = image.convert("RGBA")
    if image.mode == "RGBA":
        ground = Pillow.new("RGBA", image.size, "white")
        image = Pillow.alpha_composite(ground, image)
    if image.mode.startswith("I"):  # 16 bits a pixel; Pillow clips them to 255
        image = Pillow.fromarray((np.asarray(image).clip(0, 65535) / 257).round().astype(np.uint8))
    converted = image.convert("L" if channels == 1 else "RGB")
    if converted.size != (size, size):
        converted = ImageOps.fit(converted, (size, size), method=Pillow.Resampling.BILINEAR)
    pixels = np.asarray(converted)
    return pixels[None] if channels == 1 else pixels.transpose(2, 0, 1)


def _in_turn(pool: ThreadPoolExecutor, work: Callable[[int], None], count: int) -> Iterator[None]:
    """As pool.map, but with a bounded number of waiting calls, so that Ctrl-C ends it at once."""
    order = iter(range(count))
    waiting = [pool.submit(work, i) for i in islice(order, 64)]
    while waiting:
        waiting.pop(0).result()
        waiting += [pool.submit(work, i) for i in islice(order, 1)]
        yield
