"""What an encoder makes of single images of a target: predicted classes, nearest neighbors and a 2-D map.

The report shows them beside the accuracies, for the same images of every encoder.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import Literal

import torch
import torch.nn.functional as F
from torch import Tensor

from episodes import ImageSet, random
from metaclr.evaluation.umap_layout import umap_layout

MAX_CLASSIFIED = 20_000
"""Images of a target that are classified, drawn at random from larger ones."""
MAX_CLASSES = 10
"""Classes on the map, and query images with neighbors: more colors cannot be told apart."""
MAX_PER_CLASS = 30
N_NEIGHBORS = 6
MIN_UMAP = 5
"""Images from which UMAP can start: its spectral layout needs more of them than dimensions."""
_BLOCK = 2048

Layout = Literal["pca", "umap"]
"""How images are placed on a map."""


@dataclass(frozen=True)
class ChosenImages:
    """Indices (int64, CPU) into the images of a target, the same for every encoder.

    classified (n,): sorted. mapped (p,): of `MAX_CLASSES` classes, class by class. queries (q,): one of each of these.
    """

    classified: Tensor
    mapped: Tensor
    queries: Tensor


@dataclass(frozen=True)
class Inspection:
    """One encoder on the chosen images of one target, on the CPU.

    predicted (n,): class of each classified image. neighbors (q, k): indices of the most similar classified images of
    each query. similarity (q, k): their cosines. coordinates (p, 2): of the mapped images, by principal components of
    their unit features, or by UMAP. variance (2,): the share of their variance that each component has; NaN of UMAP.
    """

    predicted: Tensor
    neighbors: Tensor
    similarity: Tensor
    coordinates: Tensor
    variance: Tensor


def choose_images(images: ImageSet) -> ChosenImages:
    """A function of the labels alone: classes evenly from all of them, their images at random from a fixed seed."""
    labels = images.required_labels()
    order = random.permute(random.key(0, "inspection"), torch.arange(len(images)), len(images))
    classified = order[:MAX_CLASSIFIED].sort().values
    count = min(MAX_CLASSES, images.classes)
    shown = torch.linspace(0, images.classes - 1, count).round().long()
    drawn = order[:MAX_CLASSIFIED]
    of_class = [drawn[labels[drawn] == label][:MAX_PER_CLASS] for label in shown]
    of_class = [index for index in of_class if len(index)]
    return ChosenImages(classified, torch.cat(of_class), torch.stack([index[0] for index in of_class]))


def class_examples(labels: Tensor, among: Tensor) -> Tensor:
    """The first image of each class that has one among these: indices, int64, in the order of the classes."""
    own = labels[among]
    order = own.argsort(stable=True)
    first = torch.ones_like(own, dtype=torch.bool)
    first[1:] = own[order][1:] != own[order][:-1]
    return among[order[first]]


def inspect(features: Tensor, labels: Tensor, chosen: ChosenImages, layout: Layout = "pca") -> Inspection:
    """Classify, search and map the chosen images by the cosine of their features.

    Args:
        features: (M, F) of all images of a target. labels: int64 (M,).
        layout: of the map. "umap" needs the extra of that name; too few images for it are mapped by "pca".

    Raises:
        UserError: "umap", and umap-learn is not installed.
    """
    at = features.device
    index = chosen.classified.to(at)
    unit = F.normalize(features[index].float(), dim=1)
    queries = F.normalize(features[chosen.queries.to(at)].float(), dim=1)
    similarity, neighbors = _neighbors(unit, queries, torch.searchsorted(index, chosen.queries.to(at)))
    mapped = F.normalize(features[chosen.mapped.to(at)].float(), dim=1)
    if layout == "umap" and len(mapped) >= MIN_UMAP:
        coordinates = torch.as_tensor(umap_layout(mapped.cpu().numpy()), dtype=torch.float32)
        variance = torch.full((2,), torch.nan)
    else:
        coordinates, variance = principal_components(mapped)
    return Inspection(
        predicted=nearest_class_mean(unit, labels.to(at)[index]).cpu(),
        neighbors=index[neighbors].cpu(),
        similarity=similarity.cpu(),
        coordinates=coordinates.cpu(),
        variance=variance.cpu(),
    )


def nearest_class_mean(unit: Tensor, labels: Tensor) -> Tensor:
    """The class whose mean has the largest cosine with each image, int64 (n,); an image is left out of its own mean.

    It is the cosine prototype head with all other images as support. An image that is alone in its class is given
    another class, since nothing is left to recognize it by.

    Args:
        unit: unit features (n, F). labels: int64 (n,).
    """
    classes = int(labels.max()) + 1
    sums = unit.new_zeros(classes, unit.shape[1]).index_add_(0, labels, unit)
    counts = torch.bincount(labels, minlength=classes)
    means = F.normalize(sums, dim=1)
    predicted = []
    for start in range(0, len(unit), _BLOCK):
        x, y = unit[start : start + _BLOCK], labels[start : start + _BLOCK]
        cosine = (x @ means.T).masked_fill(counts == 0, -torch.inf)
        own = (x * F.normalize(sums[y] - x, dim=1)).sum(1)
        cosine[torch.arange(len(x), device=x.device), y] = own.masked_fill(counts[y] == 1, -torch.inf)
        predicted.append(cosine.argmax(1))
    return torch.cat(predicted)


def principal_components(rows: Tensor) -> tuple[Tensor, Tensor]:
    """Coordinates (p, 2) on the first two principal components, and their shares of the variance (2,).

    By the Gram matrix, since there are fewer rows than features. The sign of a component makes its largest
    coordinate positive.
    """
    centered = (rows - rows.mean(0)).double()
    values, vectors = torch.linalg.eigh(centered @ centered.T)
    values, vectors = values.flip(0).clamp(min=0)[:2], vectors.flip(1)[:, :2]
    total = centered.square().sum().clamp(min=1e-30)
    found = vectors * values.sqrt()
    found = found * torch.where(found.gather(0, found.abs().argmax(0, keepdim=True)) < 0, -1.0, 1.0)
    if found.shape[1] < 2:  # a single image
        found, values = F.pad(found, (0, 1)), F.pad(values, (0, 1))
    return found.float(), (values / total).float()


def _neighbors(unit: Tensor, queries: Tensor, own: Tensor) -> tuple[Tensor, Tensor]:
    """Cosines and places (q, k) of the most similar rows; `own` is the place of each query itself, left out."""
    cosine = queries @ unit.T
    cosine[torch.arange(len(own), device=own.device), own] = -torch.inf
    found = cosine.topk(min(N_NEIGHBORS, len(unit) - 1), dim=1)
    return found.values, found.indices
