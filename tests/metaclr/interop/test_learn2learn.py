"""learn2learn both ways, on tiny data: its tasksets through our engine and evaluators, our samplers in its loops."""

from __future__ import annotations

import random
from typing import Any

import numpy as np
import pytest
import torch
import torch.nn.functional as F
from torch import Tensor
from torch.utils.data import Dataset

from episodes import EpisodeSampler, ImageSet, TaskShape, ViewRecipe, check_table, render
from metaclr import methods
from metaclr.engine import Learner, TrainSettings, train
from metaclr.errors import UserError
from metaclr.evaluation.few_shot import episode_accuracies
from metaclr.interop import TasksetBatches, TaskStream, image_set_from_dataset, table_from_taskset
from metaclr.networks import build_encoder, build_projector

l2l = pytest.importorskip("learn2learn")

CLASSES, EACH, SIZE = 7, 8, 16
SHAPE = TaskShape(way=4, shot=1, query=3, tasks=2)


def blobs() -> ImageSet:
    generator = torch.Generator().manual_seed(0)
    base = torch.randint(0, 200, (CLASSES, 1, 1, SIZE, SIZE), generator=generator)
    noise = torch.randint(0, 55, (CLASSES, EACH, 1, SIZE, SIZE), generator=generator)
    labels = torch.arange(CLASSES).repeat_interleave(EACH)
    return ImageSet((base + noise).to(torch.uint8).flatten(0, 1), labels, name="blobs")


class Pairs(Dataset[tuple[Tensor, int]]):
    def __init__(self, items: list[tuple[Tensor, int]]) -> None:
        self.items = items

    def __len__(self) -> int:
        return len(self.items)

    def __getitem__(self, index: int) -> tuple[Tensor, int]:
        return self.items[index]


def pairs() -> Pairs:
    images = blobs()
    assert images.labels is not None
    return Pairs([(image / 255, 10 * int(label)) for image, label in zip(images.images, images.labels, strict=True)])


def taskset(num_tasks: int = -1, *, replacement: bool = False, views: int = 4) -> Any:
    dataset = l2l.data.MetaDataset(pairs())
    t = l2l.data.transforms
    return l2l.data.TaskDataset(
        dataset,
        [
            t.NWays(dataset, n=4),
            t.KShots(dataset, k=views, replacement=replacement),
            t.LoadData(dataset),
            t.RemapLabels(dataset),
            t.ConsecutiveLabels(dataset),
        ],
        num_tasks=num_tasks,
    )


def global_states() -> tuple[Any, ...]:
    return random.getstate(), np.random.get_state()[1].tolist(), torch.get_rng_state().tolist()


# Their data in our engine


def test_dataset_becomes_an_image_set() -> None:
    images = image_set_from_dataset(l2l.data.MetaDataset(pairs()), name="theirs")
    assert torch.equal(images.images, blobs().images)
    assert torch.equal(images.required_labels(), blobs().required_labels())
    assert images.class_names == tuple(str(10 * label) for label in range(CLASSES))


def test_dataset_may_hold_arrays_and_pil_images() -> None:
    pil = pytest.importorskip("PIL.Image")
    array = np.arange(75, dtype=np.uint8).reshape(5, 5, 3)
    images = image_set_from_dataset([(array, "b"), (pil.fromarray(array), "a"), (torch.zeros(3, 5, 5), "a")])
    assert images.class_names == ("a", "b")
    assert images.required_labels().tolist() == [1, 0, 0]
    assert torch.equal(images.images[0], images.images[1])
    assert torch.equal(images.images[0], torch.from_numpy(array).permute(2, 0, 1))


@pytest.mark.parametrize(
    ("dataset", "message"),
    [
        ([], "without a length"),
        ([(torch.zeros(1, 4, 4), 0), (torch.zeros(1, 5, 5), 0)], "image 1 has another size"),
        ([(torch.full((1, 4, 4), -1.0), 0)], "remove Normalize"),
        ([(torch.full((1, 4, 4), float("nan")), 0)], "must be in [0, 1]"),
        ([(torch.zeros(2, 4, 4), 0)], "C = 1 or 3"),
        ([torch.zeros(1, 4, 4)], "item 0 is a Tensor; return (image, label) pairs"),
        ([("x", 0)], "image 0 is a str; a tensor, an array or a PIL image"),
    ],
)
def test_dataset_is_refused_in_one_line(dataset: list[Any], message: str) -> None:
    with pytest.raises(UserError) as error:
        image_set_from_dataset(dataset)
    assert message in str(error.value)
    assert "\n" not in str(error.value)


@pytest.mark.parametrize("num_tasks", [-1, 5])
def test_taskset_batches_are_functions_of_seed_and_step(num_tasks: int) -> None:
    before = global_states()
    first = TasksetBatches(taskset(num_tasks), SHAPE, seed=1)
    drawn = [(first(step), first.render(first(step))) for step in range(3)]
    assert global_states() == before
    random.seed(99)
    again = TasksetBatches(taskset(num_tasks), SHAPE, seed=1)
    for step in (2, 0, 1):  # in any order
        assert torch.equal(again(step).images, drawn[step][0].images)
        assert torch.equal(again.render(drawn[step][0]), drawn[step][1])
    other = TasksetBatches(taskset(num_tasks), SHAPE, seed=2)
    assert not all(torch.equal(other(step).images, drawn[step][0].images) for step in range(3))


def test_taskset_batches_hold_the_pixels_and_classes_they_name() -> None:
    images = image_set_from_dataset(pairs())
    batches = TasksetBatches(taskset(), SHAPE)
    episode = batches(3)
    torch.testing.assert_close(batches.render(episode), images.images[episode.images] / 255)
    of_image = images.required_labels()[episode.images]
    assert torch.equal(of_image, episode.labels.unsqueeze(2).expand_as(of_image))
    assert all(len(row.unique()) == SHAPE.way for row in episode.labels)
    assert episode.shot == SHAPE.shot


def test_taskset_of_another_shape_is_refused() -> None:
    with pytest.raises(UserError, match="4 labels with \\[3\\] examples; the shape needs way = 4 and shot"):
        TasksetBatches(taskset(views=3), SHAPE)(0)
    batches = TasksetBatches(taskset(replacement=True), SHAPE)
    with pytest.raises(UserError, match="has an image twice"):
        batches(0)


def learner_for(name: str) -> Learner:
    method = methods.get(name)
    encoder = build_encoder("conv4", 1, SIZE, seed=0, width=8)
    projector = build_projector("none", 8, seed=0)
    return Learner(encoder, projector, method.objective.build(8))


def test_engine_trains_on_a_taskset() -> None:
    batches = TasksetBatches(taskset(), SHAPE)
    settings = TrainSettings(steps=15, lr=1e-2, log_every=5, device="cpu", precision="fp32")
    learner = learner_for("protonet")
    first = learner(batches.render(batches(0)), batches(0))[0].item()
    train(learner, batches, batches.render, settings)
    assert learner(batches.render(batches(0)), batches(0))[0].item() < 0.5 * first


def test_evaluators_use_a_tasksets_episodes() -> None:
    images = image_set_from_dataset(pairs())
    shape = TaskShape(4, 1, 3)
    table = table_from_taskset(taskset(), images, shape, 50, seed=0)
    check_table(table, images)
    assert table.shape == shape
    assert table.digest == table_from_taskset(taskset(), images, shape, 50, seed=0).digest
    features = images.images.flatten(1).float()
    accuracies = episode_accuracies(features - features.mean(0), table)
    assert accuracies.shape == (50,)
    assert accuracies.mean() > 0.9


def test_table_needs_the_tasksets_own_images() -> None:
    with pytest.raises(UserError, match="has 8 images, but the taskset's data set 56"):
        table_from_taskset(taskset(), blobs().select(range(8)), TaskShape(4, 1, 3), 5)


def test_table_cannot_hold_tasks_that_change_pixels() -> None:
    images = image_set_from_dataset(pairs())
    turned = taskset()
    turned.task_transforms.append(l2l.vision.transforms.RandomClassRotation(turned.dataset, [90.0]))
    with pytest.raises(UserError, match="changes pixels"):
        table_from_taskset(turned, images, TaskShape(4, 1, 3), 5)


# Our samplers in their loops


def stream(num_tasks: int | None = None) -> TaskStream:
    images = blobs()
    sampler = EpisodeSampler(images, SHAPE, way_type="classes", seed=0)
    return TaskStream(sampler, lambda episode: render(images, episode, ViewRecipe(), seed=0), num_tasks=num_tasks)


def test_stream_has_learn2learns_form() -> None:
    tasks = stream()
    data, labels = tasks.sample()
    assert data.shape == (16, 1, SIZE, SIZE)
    assert labels.tolist() == [0] * 4 + [1] * 4 + [2] * 4 + [3] * 4
    episode = tasks.sampler(0)
    torch.testing.assert_close(data, blobs().images[episode.images[0].flatten()] / 255)
    second, _ = tasks.sample()
    torch.testing.assert_close(second, tasks[1][0])
    torch.testing.assert_close(data, tasks[0][0])
    assert not torch.equal(data, second)


def test_stream_of_a_length() -> None:
    tasks = stream(3)
    assert len(list(tasks)) == len(tasks) == 3
    assert torch.equal([tasks.sample()[0] for _ in range(4)][3], tasks[0][0])
    with pytest.raises(IndexError):
        tasks[3]
    with pytest.raises(UserError, match="num_tasks = 0"):
        stream(0)


def halves_of(labels: Tensor) -> tuple[Tensor, Tensor]:
    """Support and query as learn2learn's examples separate them: every V-th example is support."""
    support = torch.zeros(len(labels), dtype=torch.bool)
    support[:: SHAPE.views] = True
    return support, ~support


def test_learn2learns_maml_loop_runs_on_the_stream() -> None:
    tasks = stream()
    with torch.random.fork_rng(devices=[]):
        torch.default_generator.manual_seed(0)
        model = l2l.vision.models.CNN4(
            output_size=4, hidden_size=8, channels=1, embedding_size=8, layers=4, max_pool=True
        )
    maml = l2l.algorithms.MAML(model, lr=0.1)
    optimizer = torch.optim.Adam(maml.parameters(), lr=1e-2)
    losses = []
    for _ in range(20):
        optimizer.zero_grad()
        total = 0.0
        for _ in range(SHAPE.tasks):
            data, labels = tasks.sample()
            support, query = halves_of(labels)
            learner = maml.clone()
            learner.adapt(F.cross_entropy(learner(data[support]), labels[support]))
            loss = F.cross_entropy(learner(data[query]), labels[query])
            loss.backward()
            total += loss.item() / SHAPE.tasks
        optimizer.step()
        losses.append(total)
    assert sum(losses[-3:]) < 0.7 * sum(losses[:3])


def test_learn2learns_prototype_loop_runs_on_the_stream() -> None:
    tasks = stream()
    model = build_encoder("l2l:CNN4Backbone", 1, SIZE, seed=0, hidden_size=8)
    optimizer = torch.optim.Adam(model.parameters(), lr=1e-2)
    losses = []
    for _ in range(15):
        data, labels = tasks.sample()
        embeddings = model(data)
        support, query = halves_of(labels)
        classifier = l2l.nn.PrototypicalClassifier(support=embeddings[support], labels=labels[support])
        loss = F.cross_entropy(classifier(embeddings[query]), labels[query])
        optimizer.zero_grad()
        loss.backward()
        optimizer.step()
        losses.append(loss.item())
    assert sum(losses[-3:]) < 0.7 * sum(losses[:3])
