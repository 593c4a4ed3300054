"""One self-contained page: every image with its class, probability and nearest support image."""

from __future__ import annotations

import base64
from io import BytesIO
from pathlib import Path
from typing import TYPE_CHECKING

import numpy as np

if TYPE_CHECKING:
    from episodes import ImageSet
    from metaclr.inference.support_classifier import Prediction, SupportClassifier

_SIDE = 96
"""Pixels of a thumbnail."""


def prediction_page(classifier: SupportClassifier, images: ImageSet, prediction: Prediction) -> str:
    """The page as text; images are drawn as the encoder sees them. Nothing in it refers to another file."""
    from jinja2 import Environment, FileSystemLoader, StrictUndefined

    environment = Environment(
        loader=FileSystemLoader(Path(__file__).parent),
        autoescape=True,
        undefined=StrictUndefined,
        trim_blocks=True,
        lstrip_blocks=True,
    )
    frame = prediction.to_frame()
    rows = [
        {
            "picture": _png(images, i),
            "nearest_picture": _png(classifier.support, int(prediction.nearest[i])),
            "file": row["file"],
            "class": row["class"],
            "nearest": row["nearest"],
            "percent": round(100 * row["probability"]),
            "similarity": f"{row['similarity']:.3f}",
            "rejected": int(prediction.labels[i]) < 0,
        }
        for i, row in enumerate(frame.to_dict("records"))
    ]
    accuracy = classifier.accuracy
    return environment.get_template("page.html.j2").render(
        rows=rows,
        encoder=classifier.encoder.name,
        classes=list(zip(classifier.classes, classifier.shots, strict=True)),
        accuracy=None if accuracy is None else f"{100 * accuracy:.1f}",
        threshold=None if classifier.threshold is None else f"{classifier.threshold:.3f}",
    )


def _png(images: ImageSet, place: int) -> str:
    """One image as base64 PNG, enlarged without smoothing if it is small."""
    from PIL import Image

    pixels = images.images[place : place + 1][0].cpu().numpy()
    picture = Image.fromarray(pixels[0] if len(pixels) == 1 else np.moveaxis(pixels, 0, 2))
    small = max(picture.size) < _SIDE
    picture = picture.resize((_SIDE, _SIDE), Image.Resampling.NEAREST if small else Image.Resampling.LANCZOS)
    buffer = BytesIO()
    picture.save(buffer, format="PNG")
    return base64.b64encode(buffer.getvalue()).decode()
