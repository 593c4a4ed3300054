"""Photographs as people bring them: traffic signs in front of clutter, every picture of another size."""

from __future__ import annotations

import math
import random
from collections.abc import Callable
from pathlib import Path

from PIL import Image, ImageDraw, ImageFilter

Color = tuple[int, int, int]


def write_signs(folder: Path, classes: int, images: Callable[[int], int], seed: int = 0) -> Path:
    """JPEG files of 20 to 187 pixels in folder/sign00, sign01, ...; `images` gives the number of a class's images."""
    draw = random.Random(seed)
    for sign in range(classes):
        inside = folder / f"sign{sign:02d}"
        inside.mkdir(parents=True)
        for number in range(images(sign)):
            _sign(sign, draw).save(inside / f"{number:04d}.jpg")
    return folder


def _sign(kind: int, draw: random.Random) -> Image.Image:
    """A polygon (the kind's color and corners) with a bar (its direction), on random rectangles, a little blurred."""
    width = draw.randint(24, 150)
    height = max(20, int(width * draw.uniform(0.8, 1.25)))
    image = Image.new("RGB", (width, height), _color(draw, 30, 200))
    pen = ImageDraw.Draw(image)
    for _ in range(6):
        x, y = draw.randint(0, width), draw.randint(0, height)
        end = (x + draw.randint(2, width // 2), y + draw.randint(2, height // 2))
        pen.rectangle([(x, y), end], fill=_color(draw, 20, 220))
    x = width * draw.uniform(0.42, 0.58)
    y = height * draw.uniform(0.42, 0.58)
    radius, turn = min(width, height) * draw.uniform(0.3, 0.42), draw.uniform(-0.15, 0.15)
    colors: list[Color] = [(200, 20, 20), (20, 40, 190), (230, 200, 20), (240, 240, 240)]
    corners = (3, 4, 8, 40)[kind // 4 % 4]
    angles = [turn + 2 * math.pi * k / corners - math.pi / 2 for k in range(corners)]
    pen.polygon([(x + radius * math.cos(a), y + radius * math.sin(a)) for a in angles], fill=colors[kind % 4])
    half, thick = radius / 2, max(2, int(radius / 5))
    bar = [(x - half, y), (x + half, y)] if kind // 16 % 2 else [(x, y - half), (x, y + half)]
    pen.line(bar, fill=(0, 0, 0), width=thick)
    return image.filter(ImageFilter.GaussianBlur(draw.uniform(0, 1.2)))


def _color(draw: random.Random, low: int, high: int) -> Color:
    return draw.randint(low, high), draw.randint(low, high), draw.randint(low, high)
