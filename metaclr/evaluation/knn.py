"""kNN: the weighted vote of the most similar training images (Wu et al. 2018, arXiv:1805.01978)."""

from __future__ import annotations

import torch
import torch.nn.functional as F
from torch import Tensor

from metaclr.errors import UserError
from metaclr.evaluation.measurement import Measurement, join, of_images
from metaclr.evaluation.train_test_features import parts

_CHUNK_BYTES = {"cpu": 1 << 24, "cuda": 1 << 28}


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
    """Test accuracy of kNN by cosine similarity, with a Wilson interval over the test images.

    Args:
        x, y: training features (n, F) and labels (n,). x_test, y_test: those of the test part.
        k: neighbours, at most n. temperature: each votes with weight exp(similarity / temperature).

    Raises:
        UserError: empty or unfitting parts, one class only, or k or temperature out of range.
    """
    data = parts(x, y, x_test, y_test)
    votes = min(k, len(data.x))
    said = knn_labels(data.x, data.y, data.x_test, classes=data.classes, k=votes, temperature=temperature)
    protocol = join(protocol, head="kNN, cosine", k=votes, temperature=temperature)
    correct = said == data.y_test
    return [of_images("knn", correct, target=target, way=data.classes, labels=labels, protocol=protocol)]


@torch.inference_mode()
def knn_labels(x: Tensor, y: Tensor, x_test: Tensor, *, classes: int, k: int, temperature: float) -> Tensor:
    """The label (m,) voted for each of x_test (m, F) by its k nearest of x (n, F) with labels y (n,)."""
    if k < 1 or temperature <= 0:
        raise UserError(f"kNN needs k >= 1 and temperature > 0, not {k} and {temperature}")
    known, asked = F.normalize(x, dim=1), F.normalize(x_test, dim=1)
    size = max(1, _CHUNK_BYTES.get(x.device.type, 1 << 24) // (4 * len(x)))
    found = []
    for part in torch.split(asked, size):
        similarity, index = (part @ known.mT).topk(min(k, len(x)), dim=1)
        # Over the largest first, so that a small temperature cannot overflow; the winner is the same.
        weight = ((similarity - similarity[:, :1]) / temperature).exp()
        votes = weight.new_zeros(len(part), classes).scatter_add_(1, y[index], weight)
        found.append(votes.max(1).indices)
    return torch.cat(found)
