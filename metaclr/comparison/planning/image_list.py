"""images/TARGET.csv of a results folder: the file of every image, for stored episodes and per-item results."""

from __future__ import annotations

import csv
import io
import re
from pathlib import Path
from typing import TYPE_CHECKING

from metaclr.files import write_atomic

if TYPE_CHECKING:
    from metaclr.evaluation import Target


def write_image_list(folder: Path, target: Target) -> None:
    """Write one row per image of the target: what episodes and per-item results number, and the file it was.

    Columns: image (its number in stored episodes), file (below the data set; empty without files), class, part, and
    test_index (its place in the per-item results of linear probe, kNN and low-label runs; empty outside the test part).
    """
    images = target.images
    test_index = {image: place for place, image in enumerate(target.test.tolist())}
    buffer = io.StringIO()
    writer = csv.writer(buffer, lineterminator="\n")
    writer.writerow(("image", "file", "class", "part", "test_index"))
    names = [""] * len(images)
    if images.labels is not None:
        names = [images.class_name(label) for label in images.required_labels().tolist()]
    for i, class_name in enumerate(names):
        file, part = images.files[i] if images.files else "", images.split[i] if images.split else ""
        writer.writerow((i, file, class_name, part, test_index.get(i, "")))
    name = re.sub(r"[^A-Za-z0-9]+", "-", target.name).strip("-")
    write_atomic(folder / f"{name}.csv", buffer.getvalue())
