"""One self-contained page: every image with its class, probability and nearest support image."""

from __future__ import annotations

from pathlib import Path
from typing import TYPE_CHECKING

from metaclr.inference.thumbnails import thumbnail
from metaclr.page_templates import render

if TYPE_CHECKING:
    from episodes import ImageSet
    from metaclr.inference.support_classifier import Prediction, SupportClassifier


def prediction_page(classifier: SupportClassifier, images: ImageSet, prediction: Prediction) -> str:
    """The page as text; images are drawn as the encoder sees them. Nothing in it refers to another file."""
    frame = prediction.to_frame()
    rows = [
        {
            "picture": thumbnail(images, i),
            "nearest_picture": thumbnail(classifier.support, int(prediction.nearest[i])),
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
    return render(
        Path(__file__).parent,
        "page.html.j2",
        rows=rows,
        encoder=classifier.encoder.name,
        classes=list(zip(classifier.classes, classifier.shots, strict=True)),
        accuracy=None if accuracy is None else f"{100 * accuracy:.1f}",
        threshold=None if classifier.threshold is None else f"{classifier.threshold:.3f}",
    )
