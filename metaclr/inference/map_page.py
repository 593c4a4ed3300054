"""One self-contained page with a map of images: a point an image, its picture under the pointer."""

from __future__ import annotations

import json
from pathlib import Path
from typing import TYPE_CHECKING, Any

from metaclr.inference.thumbnails import ATLAS_SIDE, atlas
from metaclr.page_templates import render

if TYPE_CHECKING:
    from episodes import ImageSet
    from metaclr.inference.projection import Projection

MAX_NAMED = 40
"""Classes that the legend lists."""


def map_page(images: ImageSet, projection: Projection, *, encoder: str) -> str:
    """The page as text, for images and their points in the same order. Nothing in it refers to another file.

    Points have the colors of their classes; a click on a class of the legend shows it alone.
    """
    low, high = projection.points.min(0), projection.points.max(0)
    # One scale for both axes: a distance is the same in either direction.
    scale = float((high - low).max()) or 1.0
    middle = (high + low) / 2
    labels = [-1] * len(images) if images.labels is None else images.required_labels().tolist()
    picture, across = atlas(images, list(range(len(images))))
    points = [
        [round(0.5 + (float(x) - middle[0]) / scale, 4), round(0.5 - (float(y) - middle[1]) / scale, 4), label]
        for (x, y), label in zip(projection.points, labels, strict=True)
    ]
    names = [images.class_name(label) for label in range(images.classes)]
    data: dict[str, Any] = {
        "points": points,
        "names": names,
        "files": list(images.files) or [str(i) for i in range(len(images))],
        "colors": [color_of(label, len(names)) for label in range(len(names))],
        "across": across,
        "side": ATLAS_SIDE,
    }
    return render(
        Path(__file__).parent,
        "map.html.j2",
        name=images.name,
        encoder=encoder,
        count=len(images),
        classes=names[:MAX_NAMED],
        colors=data["colors"],
        more=max(0, len(names) - MAX_NAMED),
        description=projection.description,
        picture=picture,
        data=json.dumps(data, ensure_ascii=True, separators=(",", ":")).replace("<", "\\u003c"),
    )


def color_of(label: int, count: int) -> str:
    """A color of its own for each class, readable on light and on dark ground: hues apart, two lightnesses in turn."""
    hue = 360 * label / max(count, 1)
    return f"hsl({hue:.0f} 70% {45 if label % 2 == 0 else 60}%)"
