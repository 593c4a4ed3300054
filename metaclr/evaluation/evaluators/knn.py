"""kNN: the weighted vote of the most similar training images (Wu et al. 2018, arXiv:1805.01978)."""

from __future__ import annotations

from dataclasses import dataclass

import torch
import torch.nn.functional as F
from torch import Tensor

from metaclr.errors import UserError
from metaclr.evaluation.evaluator import Evaluator, WorkItem
from metaclr.evaluation.measurement import Measurement, from_images, join
from metaclr.evaluation.target import Embedded
from metaclr.evaluation.train_test_features import check_features

_CHUNK_BYTES = {"cpu": 1 << 24, "cuda": 1 << 28}


@dataclass(frozen=True)
class KNN:
    """k: neighbors that vote, at most the training images. temperature: of the weight exp(cosine / temperature)."""

    k: int = 200
    temperature: float = 0.1

    def __post_init__(self) -> None:
        _check_range(self.k, self.temperature)


def knn(
    x: Tensor,
    y: Tensor,
    x_test: Tensor,
    y_test: Tensor,
    *,
    target: str,
    k: int = 200,
    temperature: float = 0.1,
    labels: str = "",
    protocol: str = "",
) -> list[Measurement]:
    """Measure the test accuracy of kNN by cosine similarity, with a Wilson interval over the test images.

    Args:
        x, y: training features (n, F) and labels (n,). x_test, y_test: those of the test part.
        k: neighbors, at most n. temperature: each votes with weight exp(similarity / temperature).

    Raises:
        UserError: an empty part, shapes that do not agree, one class only, or k or temperature out of range.
    """
    data = check_features(x, y, x_test, y_test)
    votes = min(k, len(data.x))
    predicted = knn_labels(data.x, data.y, data.x_test, classes=data.classes, k=votes, temperature=temperature)
    protocol = join(protocol, head="kNN, cosine", k=votes, temperature=temperature)
    correct = predicted == data.y_test
    return [from_images("knn", correct, target=target, way=data.classes, labels=labels, protocol=protocol)]


@torch.inference_mode()
def knn_labels(x: Tensor, y: Tensor, x_test: Tensor, *, classes: int, k: int, temperature: float) -> Tensor:
    """Predict labels (m,) of x_test (m, F) by the k nearest of x (n, F) with labels y (n,).

    Raises:
        UserError: k or temperature out of range.
    """
    _check_range(k, temperature)
    train, test = F.normalize(x, dim=1), F.normalize(x_test, dim=1)
    size = max(1, _CHUNK_BYTES.get(x.device.type, 1 << 24) // (4 * len(x)))
    predicted = []
    for chunk in torch.split(test, size):
        similarity, index = (chunk @ train.mT).topk(min(k, len(x)), dim=1)
        # Relative to the largest, so that a small temperature cannot overflow; the winner is the same.
        weight = ((similarity - similarity[:, :1]) / temperature).exp()
        votes = weight.new_zeros(len(chunk), classes).scatter_add_(1, y[index], weight)
        predicted.append(votes.max(1).indices)
    return torch.cat(predicted)


def _check_range(k: int, temperature: float) -> None:
    if k < 1 or temperature <= 0:
        raise UserError(f"kNN needs k >= 1 and temperature > 0, not {k} and {temperature}")


def work_items(embedded: Embedded, settings: KNN) -> list[WorkItem]:
    """One item: all test images."""
    return [
        lambda: knn(
            *embedded.probe_parts,
            target=embedded.target.name,
            k=settings.k,
            temperature=settings.temperature,
            protocol=embedded.probe_protocol,
        )
    ]


EVALUATOR = Evaluator(
    name="knn",
    family="knn",
    summary="accuracy on test images by the weighted vote of the nearest training images, cosine",
    settings=KNN(),
    work_items=work_items,
    recipe_settings=lambda recipe: {} if recipe.get("knn") else None,
)
