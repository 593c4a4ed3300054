"""Training batches and evaluation episodes from a learn2learn Taskset."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

import torch
from torch import Tensor

from episodes import Episode, EpisodeTable, ImageSet, TaskShape, random
from metaclr.errors import UserError
from metaclr.interop.dataset import class_ids
from metaclr.interop.seeded_rng import drawn_with

if TYPE_CHECKING:
    from learn2learn.data import TaskDataset


class TasksetBatches:
    """Batches of learn2learn tasks: call it with a step for the Episode, `render` for its pixels.

    `train(learner, batches, batches.render, settings)` trains on learn2learn's tasks with all their transforms. A batch
    is a pure function of (seed, step), whatever else uses the global random generators; a taskset with `num_tasks` is
    sampled uniformly.
    """

    def __init__(self, taskset: TaskDataset, shape: TaskShape, *, seed: int = 0) -> None:
        """Each task of `taskset` must have `shape.way` labels with `shape.shot + shape.query` examples of each."""
        self.taskset, self.shape, self.seed = taskset, shape, seed
        self._classes = class_ids(list(taskset.dataset.labels_to_indices))
        self._last: tuple[int, Tensor] | None = None

    def __call__(self, step: int) -> Episode:
        """The batch of a step >= 0: image indices (T, N, V) into `taskset.dataset`, labels (T, N) its classes.

        Raises:
            UserError: a task of another shape, or one with an image twice.
        """
        tasks = [self._task(step, number) for number in range(self.shape.tasks)]
        images = torch.stack([index for index, _ in tasks])
        self._last = step, torch.stack([pixels for _, pixels in tasks])
        names = self.taskset.dataset.indices_to_labels
        labels = [[self._classes[names[way[0]]] for way in task] for task in images.tolist()]
        return Episode(images, torch.zeros_like(images), torch.tensor(labels), self.shape.shot, step)

    def render(self, episode: Episode) -> Tensor:
        """The pixels of an episode of this object: float32 (T, N, V, C, H, W), as the taskset loads them."""
        if self._last is None or self._last[0] != episode.step:
            self(episode.step)
        assert self._last is not None
        return self._last[1].to(episode.images.device)

    def _task(self, step: int, number: int) -> tuple[Tensor, Tensor]:
        """Image indices (N, V) and pixels (N, V, C, H, W) of one task."""
        num_tasks = self.taskset.num_tasks
        key = random.key(self.seed, "taskset", step, number)
        if num_tasks > 0:
            key = random.key(self.seed, "taskset task", key % num_tasks)
        with drawn_with(key):
            description = self.taskset.sample_task_description()
            data, labels = self.taskset.get_task(description)
        order = way_positions(labels, self.shape, f"task {number} of step {step}")
        index = torch.tensor([part.index for part in description])[order]
        if _repeats(index):
            raise UserError(f"task {number} of step {step} has an image twice; use KShots without replacement")
        pixels = data / 255 if data.dtype == torch.uint8 else data.float()
        return index, pixels[order]


def table_from_taskset(
    taskset: TaskDataset, image_set: ImageSet, shape: TaskShape, count: int, *, seed: int = 0
) -> EpisodeTable:
    """`count` evaluation episodes drawn by `taskset`, over `image_set_from_dataset(taskset.dataset)`.

    A table stores image indices only, so a taskset whose transforms change pixels (a rotation as a new class) is
    refused; train on such tasks with TasksetBatches.

    Raises:
        UserError: tasks of another shape, an image twice in a task, an image set that is not the taskset's data set,
            or a taskset that changes pixels.
    """
    if len(taskset.dataset) != len(image_set):
        raise UserError(
            f"{image_set.name} has {len(image_set)} images, but the taskset's data set {len(taskset.dataset)}"
        )
    labels = image_set.required_labels()
    rows = []
    for episode in range(count):
        with drawn_with(random.key(seed, "taskset table", episode)):
            description = taskset.sample_task_description()
            index = torch.tensor([part.index for part in description])
            if episode == 0:
                _check_pixels(taskset.get_task(description)[0], image_set.images[index.to(image_set.images.device)])
        rows.append(index[way_positions(labels[index], shape, f"episode {episode}")])
    images = torch.stack(rows)
    if any(_repeats(task) for task in images):
        raise UserError("the taskset has an image twice in a task ; use KShots without replacement")
    return EpisodeTable(images[..., : shape.shot], images[..., shape.shot :], image_set.fingerprint(), seed)


def _check_pixels(data: Tensor, images: Tensor) -> None:
    """Raises UserError unless a task's data (B, C, H, W) equals the uint8 images (B, C, H, W) of the set."""
    pixels = data if data.dtype == torch.uint8 else (data.float() * 255).round()
    if pixels.shape != images.shape or not bool((pixels == images.to(pixels)).all()):
        raise UserError("the taskset changes pixels, or has other images than the set; use TasksetBatches")


def _repeats(images: Tensor) -> bool:
    return len(set(images.flatten().tolist())) < images.numel()


def way_positions(labels: Any, shape: TaskShape, what: str) -> Tensor:
    """Positions (N, V) of the examples of each label, in order of appearance. Raises UserError for another shape."""
    labels = torch.as_tensor(labels)
    distinct, counts = labels.unique(return_counts=True)
    if len(distinct) != shape.way or not bool((counts == shape.views).all()):
        raise UserError(
            f"{what} has {len(distinct)} labels with {sorted(set(counts.tolist()))} examples; "
            f"the shape needs way = {shape.way} and shot + query = {shape.views}"
        )
    positions = torch.argsort(labels, stable=True).view(shape.way, shape.views)
    return positions[positions[:, 0].argsort()]
