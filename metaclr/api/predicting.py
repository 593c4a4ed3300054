"""Predictions for files and folders, and what to say about them."""

from __future__ import annotations

from collections.abc import Sequence
from pathlib import Path
from typing import TYPE_CHECKING

import torch

from metaclr.errors import UserError

if TYPE_CHECKING:
    from episodes import ImageSet
    from metaclr.inference import Prediction, SupportClassifier, TrainedEncoder


def predict_files(classifier: SupportClassifier, names: Sequence[str]) -> tuple[ImageSet, Prediction]:
    """Read image files, or one folder or data set, and classify them.

    Raises:
        UserError: a name that is neither; a folder beside other names; nothing to read.
    """
    found = read_named(classifier.encoder, names)
    return found, classifier.predict(found)


def read_named(encoder: TrainedEncoder, names: Sequence[str]) -> ImageSet:
    """Image files, the image files of folders, or one folder or data set, as the encoder takes them.

    Raises:
        UserError: a name that is neither; a folder without image files beside other names.
    """
    given = names[0] if len(names) == 1 else [path for name in names for path in _files(Path(name))]
    return encoder.images(given)


def _files(path: Path) -> list[Path]:
    """The file itself, or the image files directly in a folder, by name."""
    if not path.is_dir():
        return [path]
    from metaclr.data.tree.file_tree import image_endings
    from metaclr.data.tree.skipped_names import is_skipped

    known = image_endings()
    found = sorted(one for one in path.iterdir() if one.suffix.lower() in known and not is_skipped(one.name))
    if not found:
        raise UserError(f"images {path}: a folder without image files; name its sub-folders, or it alone")
    return found


def summary_lines(classifier: SupportClassifier, images: ImageSet, prediction: Prediction) -> list[str]:
    """Lines for the terminal: the support, its leave-one-out accuracy, what was rejected, accuracy where labels are."""
    counts = classifier.shots
    shots = f"{min(counts)}" if min(counts) == max(counts) else f"{min(counts)} to {max(counts)}"
    lines = [f"support: {len(classifier.classes)} classes of {shots} image{'s' if max(counts) > 1 else ''}"]
    if classifier.accuracy is None:
        lines[0] += "; no class has two, so probabilities are not calibrated"
    else:
        lines[0] += f"; left out one by one, {100 * classifier.accuracy:.1f} % of them are classified correctly"
    if classifier.threshold is not None:
        rejected = int((prediction.labels < 0).sum())
        lines.append(
            f"none of these: {rejected:,} of {len(images):,} images, less similar than {classifier.threshold:.3f}"
        )
    if images.labels is not None:
        names = {name: label for label, name in enumerate(classifier.classes)}
        known = [names.get(images.class_name(label), -2) for label in range(images.classes)]
        if any(label >= 0 for label in known):
            truth = torch.tensor(known)[images.required_labels()]
            of_known = truth >= 0
            share = float((prediction.labels[of_known] == truth[of_known]).double().mean())
            lines.append(
                f"accuracy by the names of their folders: {100 * share:.1f} % of {int(of_known.sum()):,} images"
            )
            if classifier.threshold is not None and bool((~of_known).any()):
                others = prediction.labels[~of_known] < 0
                lines.append(
                    f"images of other folders that are none of these: {int(others.sum()):,} of {len(others):,}"
                )
    return lines
