"""Tasks of varying ways and unequal shots, as Meta-Dataset draws them (Triantafillou et al. 2020, arXiv:1903.03096)."""

from __future__ import annotations

import math
from dataclasses import dataclass
from functools import partial
from hashlib import sha256

import torch
import torch.nn.functional as F
from torch import Tensor

from episodes import random
from metaclr.errors import UserError
from metaclr.evaluation.evaluator import Evaluator, WorkItem
from metaclr.evaluation.measurement import Measurement, join
from metaclr.evaluation.statistics import mean_interval
from metaclr.evaluation.target import Embedded

MIN_WAYS, MAX_WAYS = 5, 50
MAX_QUERY = 10
MAX_SHOTS, MAX_SUPPORT = 100, 500
"""Section 3 of the paper."""


@dataclass(frozen=True)
class VaryingTasks:
    """episodes: tasks of each target. seed: of their draws, the same for every encoder."""

    episodes: int = 600
    seed: int = 0

    def __post_init__(self) -> None:
        if self.episodes < 2:
            raise UserError(f"meta-dataset episodes = {self.episodes}: at least 2")


@dataclass(frozen=True)
class VaryingTask:
    """One task: image indices of its support (S,) and its queries (Q,), and the way of each, 0 to ways - 1."""

    support: Tensor
    support_way: Tensor
    query: Tensor
    query_way: Tensor
    ways: int


def draw_task(by_class: list[Tensor], seed: int, number: int) -> VaryingTask:
    """Task `number`: how many ways, which classes, how many queries, and how many support images of each class.

    ways ~ U{5, ..., 50} up to the number of classes; queries a class q = min(10, half of the smallest class); support
    images in all S = min(500, Σ ceil(b min(100, n_c - q))), b ~ U(0, 1]; of class c min(floor(R_c (S - ways)) + 1,
    n_c - q), R_c proportional to n_c exp(a_c), a_c ~ U[log 1/2, log 2).

    Args:
        by_class: the image indices of each class with two images or more.
    """
    key = random.key(seed, "varying tasks", number)

    def uniform(stream: int, count: int) -> Tensor:
        return random.uniform(key, (stream << 32) + torch.arange(count)).double()

    most = min(MAX_WAYS, len(by_class))
    least = min(MIN_WAYS, most)
    ways = least + int(uniform(0, 1)[0] * (most - least + 1))
    chosen = uniform(1, len(by_class)).argsort()[:ways].tolist()
    counts = torch.tensor([len(by_class[c]) for c in chosen], dtype=torch.float64)
    query = min(MAX_QUERY, int(counts.min()) // 2)
    share = 1 - float(uniform(2, 1)[0])  # in (0, 1]
    wanted = sum(math.ceil(share * min(MAX_SHOTS, count - query)) for count in counts.tolist())
    total = min(MAX_SUPPORT, wanted)
    weight = counts * torch.exp(math.log(0.5) + uniform(3, ways) * (math.log(2) - math.log(0.5)))
    shots = (weight / weight.sum() * max(total - ways, 0)).floor().long() + 1
    parts: list[tuple[Tensor, Tensor]] = []
    for way, (c, shot) in enumerate(zip(chosen, shots.tolist(), strict=True)):
        images = by_class[c][uniform(4 + way, len(by_class[c])).argsort()]
        parts.append((images[query : query + shot], images[:query]))
    return VaryingTask(
        torch.cat([support for support, _ in parts]),
        torch.cat([torch.full((len(support),), way) for way, (support, _) in enumerate(parts)]),
        torch.cat([queries for _, queries in parts]),
        torch.arange(ways).repeat_interleave(query),
        ways,
    )


@torch.inference_mode()
def task_accuracy(features: Tensor, task: VaryingTask) -> float:
    """Accuracy in 0..1 of cosine prototypes on unit-norm features (M, F)."""
    at = features.device
    way = task.support_way.to(at)
    sums = features.new_zeros(task.ways, features.shape[1]).index_add_(0, way, features[task.support.to(at)])
    prototypes = F.normalize(sums, dim=1)  # the mean has the direction of the sum
    predicted = (features[task.query.to(at)] @ prototypes.mT).max(1).indices
    return float((predicted == task.query_way.to(at)).double().mean())


def _measure(embedded: Embedded, settings: VaryingTasks) -> list[Measurement]:
    labels = embedded.target.images.required_labels()
    order = labels.argsort(stable=True)
    by_class = [part for part in torch.split(order, torch.bincount(labels).tolist()) if len(part) > 1]
    if len(by_class) < 2:
        raise UserError(f"target {embedded.target.name!r}: tasks need 2 classes of 2 images, it has {len(by_class)}")
    features = F.normalize(embedded.features, dim=1)
    content, accuracies = sha256(), []
    for number in range(settings.episodes):
        task = draw_task(by_class, settings.seed, number)
        content.update(task.support.numpy().tobytes() + task.query.numpy().tobytes())
        accuracies.append(task_accuracy(features, task))
    over = mean_interval(torch.tensor(accuracies))
    details = join(
        embedded.protocol,
        head="cosine prototypes, unit-norm features",
        episodes=settings.episodes,
        pool_classes=len(by_class),
        digest=content.hexdigest()[:16],
        interval="Student t over episodes, as published",
    )
    labels_text = f"{min(MIN_WAYS, len(by_class))} to {min(MAX_WAYS, len(by_class))} ways"
    return [
        Measurement(
            "meta-dataset", embedded.target.name, None, None, labels_text, "accuracy", 100 * over.mean,
            100 * over.half, over.n, torch.tensor(accuracies, dtype=torch.float32), details,
        )
    ]  # fmt: skip


def work_items(embedded: Embedded, settings: VaryingTasks) -> list[WorkItem]:
    """One item: all tasks of a target."""
    return [partial(_measure, embedded, settings)]


EVALUATOR = Evaluator(
    name="meta-dataset",
    family="meta-dataset",
    summary="accuracy on tasks of 5 to 50 ways and unequal shots, by cosine prototypes; interval over tasks",
    settings=VaryingTasks(),
    work_items=work_items,
)
