"""Training batches and evaluation tables: against loops, against chance, and over ranks."""

from __future__ import annotations

import time
from typing import Any

import pytest
import torch
from hypothesis import given, settings
from hypothesis import strategies as st
from scipy import stats

from episodes import EpisodeError, EpisodeSampler, ImageSet, TaskShape, check_episode, random, sample_table
from episodes import sampler as sampler_module
from episodes.sample_without_replacement import sample_without_replacement

LEAST_P = 1e-4


def with_counts(counts: list[int], **fields: Any) -> ImageSet:
    """Classes of these sizes, images in an order that mixes them."""
    labels = torch.arange(len(counts)).repeat_interleave(torch.tensor(counts))
    labels = labels[torch.randperm(len(labels), generator=torch.Generator().manual_seed(0))]
    images = torch.arange(len(labels)).to(torch.int32).view(torch.uint8).view(-1, 1, 2, 2)  # every image its own pixels
    names = tuple(f"c{i}" for i in range(len(counts)))
    return ImageSet(images, labels, names, name="toy", **fields)


def loop_table(image_set: ImageSet, shape: TaskShape, episode: int, seed: int) -> list[list[int]]:
    """One evaluation episode (N, V), a way at a time."""
    labels = image_set.required_labels().tolist()
    task = torch.tensor([episode])
    classes = sample_without_replacement(random.key(seed, "table classes"), task, image_set.classes, shape.way)[
        :, 0
    ].tolist()
    ways = []
    for n, label in enumerate(classes):
        members = [i for i, of in enumerate(labels) if of == label]
        row = task * shape.way + n
        picks = sample_without_replacement(random.key(seed, "table images"), row, len(members), shape.views)[
            :, 0
        ].tolist()
        ways.append([members[pick] for pick in picks])
    return ways


counts_and_shape = st.tuples(
    st.lists(st.integers(4, 20), min_size=3, max_size=8),
    st.integers(1, 3),
    st.integers(1, 2),
    st.integers(1, 2),
    st.integers(1, 6),
)


@given(counts_and_shape, st.integers(0, 3))
@settings(max_examples=40, deadline=None)
def test_table_equals_the_loop(drawn: tuple[list[int], int, int, int, int], seed: int) -> None:
    counts, way, shot, query, episodes = drawn
    toy, shape = with_counts(counts), TaskShape(way, shot, query)
    table = sample_table(toy, shape, episodes, seed)
    assert torch.cat([table.support, table.query], 2).tolist() == [
        loop_table(toy, shape, e, seed) for e in range(episodes)
    ]


@given(counts_and_shape, st.integers(0, 3), st.integers(0, 100))
@settings(max_examples=60, deadline=None)
def test_class_tasks_keep_their_promises(drawn: tuple[list[int], int, int, int, int], seed: int, step: int) -> None:
    counts, way, shot, query, tasks = drawn
    toy = with_counts(counts)
    sampler = EpisodeSampler(toy, TaskShape(way, shot, query, tasks), way_type="classes", seed=seed)
    batch = sampler(step)
    assert batch.images.shape == batch.views.shape == (tasks, way, shot + query)
    assert batch.support.shape == (tasks, way, shot)
    assert batch.step == step
    assert not batch.views.any()
    assert torch.equal(toy.required_labels()[batch.images], batch.labels.unsqueeze(2).expand_as(batch.images))
    for images, labels in zip(batch.images, batch.labels, strict=True):
        assert len(set(labels.tolist())) == way, "no class twice in a task"
        assert len(set(images.flatten().tolist())) == images.numel(), "no image twice in a task"
    check_episode(batch, toy)
    again = EpisodeSampler(toy, TaskShape(way, shot, query, tasks), way_type="classes", seed=seed)(step)
    assert torch.equal(batch.images, again.images)
    assert torch.equal(batch.labels, again.labels)


@given(st.integers(4, 50), st.integers(1, 20), st.integers(1, 4), st.integers(0, 2), st.integers(0, 60))
@settings(max_examples=60, deadline=None)
def test_instance_tasks_keep_their_promises(count: int, way: int, tasks: int, query: int, step: int) -> None:
    way = min(way, count)
    toy = with_counts([count])
    batch = EpisodeSampler(toy, TaskShape(way, 1, query, tasks), seed=3)(step)
    assert batch.images.shape == (tasks, way, 1 + query)
    assert torch.equal(batch.images, batch.labels.unsqueeze(2).expand_as(batch.images))
    assert torch.equal(batch.views % (1 + query), torch.arange(1 + query).expand_as(batch.views))
    if tasks * way <= count:
        assert int(batch.views.max()) == query
    else:  # an image that comes again brings other views
        rendered = torch.stack([batch.images, batch.views], dim=-1).flatten(0, 2)
        assert len(torch.unique(rendered, dim=0)) == len(rendered)
    assert all(len(set(labels.tolist())) == way for labels in batch.labels)
    check_episode(batch, toy)


@pytest.mark.parametrize(("count", "way", "tasks"), [(100, 7, 3), (1500, 64, 1), (50, 20, 4)])
def test_steps_meet_every_image_once_an_epoch(count: int, way: int, tasks: int) -> None:
    sampler = EpisodeSampler(with_counts([count]), TaskShape(way, 1, 1, tasks))
    steps = 4 * count // (way * tasks) + 1
    walked = torch.cat([sampler(step).labels.flatten() for step in range(steps)])
    for epoch in walked[: 4 * count].split(count):
        assert torch.equal(epoch.sort().values, torch.arange(count))


@pytest.mark.parametrize("way_type", ["instances", "classes"])
@pytest.mark.parametrize(("way", "tasks", "world"), [(4, 6, 2), (4, 6, 3), (4, 6, 6), (6, 1, 2), (6, 1, 3), (5, 4, 1)])
def test_ranks_together_hold_the_batch_of_one(way_type: Any, way: int, tasks: int, world: int) -> None:
    toy, shape = with_counts([9, 8, 7, 6, 9, 8, 7]), TaskShape(way, 2, 1, tasks)
    for step in (0, 1, 7, 1000):
        whole = EpisodeSampler(toy, shape, way_type=way_type)(step)
        parts = [EpisodeSampler(toy, shape, way_type=way_type, rank=r, world=world)(step) for r in range(world)]
        for name in ("images", "views", "labels"):
            axis = 0 if tasks > 1 else 1
            for rank, part in enumerate(parts):
                size = getattr(whole, name).shape[axis]
                expected = getattr(whole, name).index_select(axis, torch.arange(rank, size, world))
                assert torch.equal(getattr(part, name), expected)


def test_given_labels_of_instance_ways() -> None:
    toy = with_counts([9, 8, 7])
    batch = EpisodeSampler(toy, TaskShape(6, 1, 1, 2), labels="given")(5)
    assert torch.equal(batch.labels, toy.required_labels()[batch.images[..., 0]])
    plain = EpisodeSampler(toy, TaskShape(6, 1, 1, 2))(5)
    assert torch.equal(plain.images, batch.images)


def test_clusters_are_a_relabelled_set() -> None:
    toy = with_counts([30]).with_labels(torch.arange(30) % 5)
    batch = EpisodeSampler(toy, TaskShape(5, 2, 2), way_type="classes")(0)
    assert torch.equal(batch.images % 5, batch.labels.unsqueeze(2).expand_as(batch.images))


def test_steps_and_seeds_differ() -> None:
    toy, shape = with_counts([50] * 20), TaskShape(5, 2, 2, 4)
    for way_type in ("instances", "classes"):
        draws = {
            tuple(EpisodeSampler(toy, shape, way_type=way_type, seed=seed)(step).images.flatten().tolist())
            for seed in range(5)
            for step in range(20)
        }
        assert len(draws) == 100


def test_pinned_batches_never_change() -> None:
    toy = with_counts([6, 7, 8, 9])
    batch = EpisodeSampler(toy, TaskShape(3, 1, 2), way_type="classes", seed=1)(2)
    walked = EpisodeSampler(toy, TaskShape(8, 1, 1), seed=1)(3).labels
    table = sample_table(toy, TaskShape(2, 1, 1), 2, 1)
    assert batch.images.tolist() == [[[3, 29, 6], [11, 8, 10], [21, 16, 7]]]
    assert walked.tolist() == [[29, 2, 24, 10, 4, 19, 8, 7]]
    assert (table.support.tolist(), table.query.tolist()) == (
        [[[13], [19]], [[21], [23]]],
        [[[15], [23]], [[28], [17]]],
    )


def test_any_number_of_threads_draws_the_same() -> None:
    toy, shape = with_counts([100] * 40), TaskShape(5, 1, 15)
    threads = torch.get_num_threads()
    digests = set()
    for number in (1, 2):
        torch.set_num_threads(number)
        digests.add(sample_table(toy, shape, 3000, 0).digest)
    torch.set_num_threads(threads)
    assert len(digests) == 1


def test_chunks_do_not_show(monkeypatch: pytest.MonkeyPatch) -> None:
    toy, shape = with_counts([20] * 6), TaskShape(3, 1, 4)
    whole = sample_table(toy, shape, 500, 0)
    monkeypatch.setattr(sampler_module, "_CHUNK", 7 * shape.way * shape.views)
    assert sample_table(toy, shape, 500, 0).digest == whole.digest
    start = sample_table(toy, shape, 100, 0)
    assert torch.equal(start.support, whole.support[:100])
    assert sample_table(toy, shape, 500, 1).digest != whole.digest


@pytest.mark.parametrize("source", ["table", "batch"])
def test_classes_and_images_are_uniform(source: str) -> None:
    """Sets of 3 of 7 classes, each class at each way, and each image of a class as support and as query."""
    counts = [4, 5, 6, 7, 8, 9, 10]
    toy, shape = with_counts(counts), TaskShape(3, 1, 2, 60_000)
    if source == "table":
        table = sample_table(toy, shape, 60_000, 0)
        images = torch.cat([table.support, table.query], 2)
    else:
        images = EpisodeSampler(toy, shape, way_type="classes")(0).images
    labels = toy.required_labels()
    classes = labels[images[..., 0]]
    sets = torch.unique((1 << classes).sum(1), return_counts=True)[1]
    assert len(sets) == 35
    assert stats.chisquare(sets.numpy()).pvalue > LEAST_P
    for way in range(3):
        assert stats.chisquare(torch.bincount(classes[:, way], minlength=7).numpy()).pvalue > LEAST_P
    for view in range(3):
        seen = torch.bincount(images[..., view].flatten(), minlength=len(toy))
        for label in range(7):
            assert stats.chisquare(seen[labels == label].numpy()).pvalue > LEAST_P
    smallest = images[classes == 0]  # (?, 3) of 4 images: 24 ordered draws
    members = (labels == 0).nonzero().flatten()
    place = torch.searchsorted(members, smallest)
    ordered = torch.unique((place * torch.tensor([1, 4, 16])).sum(1), return_counts=True)[1]
    assert len(ordered) == 24
    assert stats.chisquare(ordered.numpy()).pvalue > LEAST_P


def test_ways_draw_their_images_independently() -> None:
    """The places of two ways' supports within their classes, in one task and in consecutive tasks, over a grid."""
    toy = with_counts([16] * 4)
    support = sample_table(toy, TaskShape(2, 1, 1), 60_000, 0).support[..., 0]
    labels = toy.required_labels()
    rank = torch.zeros(64, dtype=torch.int64)
    for label in range(4):
        rank[labels == label] = torch.arange(16)
    place = rank[support]
    for a, b in ((place[:, 0], place[:, 1]), (place[:-1, 0], place[1:, 0]), (place[:-1, 1], place[1:, 0])):
        assert stats.chisquare(torch.bincount(a * 16 + b, minlength=256).numpy()).pvalue > LEAST_P


@pytest.mark.parametrize(
    ("arguments", "said"),
    [
        (
            {"shape": TaskShape(4, 1, 1), "way_type": "classes"},
            "4-way tasks, but there are 3 classes; way can be at most 3",
        ),
        ({"shape": TaskShape(2, 1, 4), "way_type": "classes"}, "'c1' has 4; with 1 shot, query can be at most 3"),
        (
            {"shape": TaskShape(2, 5, 1), "way_type": "classes"},
            "2 classes have too few.; with 1 query, shot can be at most 3",
        ),
        ({"shape": TaskShape(16, 1, 1)}, "there are 15 images; way can be at most 15"),
        ({"shape": TaskShape(2, 1, 1), "way_type": "clusters"}, "with_labels"),
        ({"shape": TaskShape(2, 1, 1), "labels": "none"}, "labels must be"),
        ({"shape": TaskShape(3, 1, 1, 3), "world": 2}, "tasks = 3 cannot be divided evenly among 2 ranks"),
        ({"shape": TaskShape(3, 1, 1), "world": 2}, "way = 3 cannot be divided evenly"),
        ({"shape": TaskShape(2, 1, 1, 2), "world": 2, "rank": 2}, "rank must be in"),
    ],
)
def test_impossible_tasks_are_refused_before_any_draw(arguments: dict[str, Any], said: str) -> None:
    with pytest.raises(EpisodeError, match=said) as caught:
        EpisodeSampler(with_counts([6, 4, 5]), **arguments)
    assert "\n" not in str(caught.value)


def test_other_errors() -> None:
    toy = with_counts([6, 4, 5])
    for labelled in ({"way_type": "classes"}, {"labels": "given"}):
        with pytest.raises(EpisodeError, match="needs labels"):
            EpisodeSampler(toy.unlabelled(), TaskShape(2, 1, 1), **labelled)  # type: ignore[arg-type]
    with pytest.raises(EpisodeError, match="step"):
        EpisodeSampler(toy, TaskShape(2, 1, 1))(-1)
    with pytest.raises(EpisodeError, match="at least 1 episode and 1 query"):
        sample_table(toy, TaskShape(2, 1, 0), 10, 0)
    with pytest.raises(EpisodeError, match="at least 1 episode"):
        sample_table(toy, TaskShape(2, 1, 1), 0, 0)
    with pytest.raises(EpisodeError, match="'c1' has 4"):
        sample_table(toy, TaskShape(2, 1, 15), 10, 0)


def test_a_table_costs_no_python_per_episode() -> None:
    """A guard on a ratio: 5,000 episodes cost about 10 times what 10 do; a loop over tasks would make it 500."""
    toy, shape = with_counts([600] * 20), TaskShape(5, 1, 15)
    toy.fingerprint()

    def least(episodes: int) -> float:
        times = []
        for _ in range(5):
            begin = time.perf_counter()
            sample_table(toy, shape, episodes, 0)
            times.append(time.perf_counter() - begin)
        return min(times)

    assert least(5000) < 100 * least(10)
