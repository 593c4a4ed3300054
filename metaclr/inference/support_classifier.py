"""Classify new images from a few labelled ones: any head on frozen features, with probabilities that mean something."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

import torch
import torch.nn.functional as F
from torch import Tensor

from episodes import ImageSet
from metaclr.errors import UserError
from metaclr.heads import get_head
from metaclr.inference.calibration import fit_temperature, rejection_threshold
from metaclr.inference.leave_one_out import leave_one_out
from metaclr.inference.support_layout import equal_shots

if TYPE_CHECKING:
    import pandas as pd

    from metaclr.inference.trained_encoder import TrainedEncoder

NONE = "none of these"
"""The class of an image that is less similar to the support than the threshold."""


@dataclass(frozen=True, eq=False)
class Prediction:
    """Of M images, in their order.

    classes: names of the N classes. files: names of the images, or empty. labels: (M,) predicted class, -1 for none of
    these. probability: (M, N). nearest: (M,) the most similar support image; similarity: (M,) the cosine to it.
    support_files: names of the support images, or empty.
    """

    classes: tuple[str, ...]
    files: tuple[str, ...]
    labels: Tensor
    probability: Tensor
    nearest: Tensor
    similarity: Tensor
    support_files: tuple[str, ...]

    def names(self) -> list[str]:
        """The predicted class of every image."""
        return [NONE if label < 0 else self.classes[label] for label in self.labels.tolist()]

    def to_frame(self) -> pd.DataFrame:
        """One row an image: file, class, probability, nearest (support file), similarity."""
        import pandas as pd

        def name(files: Sequence[str], place: int) -> str:
            return files[place] if files else str(place)

        return pd.DataFrame(
            {
                "file": [name(self.files, i) for i in range(len(self.labels))],
                "class": self.names(),
                "probability": self.probability.amax(1).tolist(),
                "nearest": [name(self.support_files, i) for i in self.nearest.tolist()],
                "similarity": self.similarity.tolist(),
            }
        )


class SupportClassifier:
    """A classifier of the classes of a support set, fitted to the features of an encoder.

    temperature: of the probabilities, chosen on left-out support images; None where no class has two images, and
    probabilities are then the softmax of the bare logits. accuracy: share of left-out support images that are
    classified correctly, None as above. shots: images of each class. threshold: cosine to the nearest support image
    below which an image is none of the classes, or None.
    """

    def __init__(
        self,
        encoder: TrainedEncoder,
        support: ImageSet,
        *,
        head: str = "cosine",
        none_of_these: float | None = None,
    ) -> None:
        """See `TrainedEncoder.classify`."""
        named = get_head(head)
        if named.needs_source:
            raise UserError(f"head {head!r} needs the images that the encoder was trained on; name another head")
        labels = support.required_labels()
        if support.classes < 2:
            raise UserError(f"support {support.name}: {support.classes} class; at least 2 are needed, one folder each")
        counts = support.class_counts()
        if int(counts.min()) < 1:
            raise UserError(f"support {support.name}: class {support.class_name(int(counts.argmin()))!r} has no image")
        self.encoder = encoder
        self.classes = tuple(support.class_name(label) for label in range(support.classes))
        self.files = support.files
        self.support = support
        self.shots: tuple[int, ...] = tuple(counts.tolist())
        self._transform = named.transform
        rows, own_head = named.prepare(encoder.embed(support))
        labels = labels.to(rows.device)
        way = len(self.classes)
        self._rows = F.normalize(rows, dim=-1)
        self._classifier = own_head.fit(equal_shots(rows, labels, way))
        left_out = leave_one_out(own_head, rows, labels, way)
        self.temperature: float | None = None
        self.accuracy: float | None = None
        if len(left_out.rows):
            truth = labels[left_out.rows]
            self.temperature = fit_temperature(left_out.logits.cpu(), truth.cpu())
            self.accuracy = float((left_out.logits.argmax(1) == truth).double().mean())
        self.threshold: float | None = None
        if none_of_these is not None:
            self.threshold = rejection_threshold(left_out.similarity.cpu(), none_of_these)

    @torch.no_grad()
    def predict(self, images: Any) -> Prediction:
        """Classify images: anything that `TrainedEncoder.embed` takes.

        Raises:
            UserError: no such images, or images that do not fit the encoder.
        """
        found = self.encoder.images(images)
        rows = self._transform(self.encoder.embed(found), None)
        logits = self._classifier.logits(rows.unsqueeze(0))[0]
        cosine = F.normalize(rows, dim=-1) @ self._rows.mT
        similarity, nearest = cosine.max(1)
        labels = logits.argmax(1)
        if self.threshold is not None:
            labels = torch.where(similarity < self.threshold, -1, labels)
        probability = torch.softmax(logits.double() / (self.temperature or 1.0), dim=1)
        return Prediction(
            self.classes, found.files, labels.cpu(), probability.cpu(), nearest.cpu(), similarity.cpu(), self.files
        )
