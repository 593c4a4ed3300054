"""Training on clusters: tasks of the clusters of the moment, for every head; killed and resumed to the same bits."""

from __future__ import annotations

import os
import signal
import subprocess
import sys
from pathlib import Path
from typing import Any

import pytest
import torch

import metaclr
from episodes import TaskShape
from metaclr import methods
from metaclr.clusters import Clustering, Density, KMeans
from metaclr.clusters.labels import ClusterLabels
from metaclr.clusters.sampler import ClusterSampler
from metaclr.comparison.labels.cluster_labels import with_cluster_labels
from metaclr.errors import UserError
from metaclr.methods import Method
from tests.metaclr.clusters import cluster_trainee
from tests.metaclr.comparison import small

ROOT = Path(__file__).parents[3]
BUDGET = ["size=16", "encoder.options={width=8}", "train.batch_views=32"]


def sampler(labels: torch.Tensor | None, shape: TaskShape, way_type: str = "classes") -> ClusterSampler:
    images = small.stripes(8, 12)
    clusters = ClusterLabels(1 if labels is None else len(labels), len(images))
    if labels is not None:
        clusters.set(labels, 0)
    return ClusterSampler(images, shape, clusters, way_type=way_type, seed=0)


def test_before_the_first_clustering_ways_are_images() -> None:
    episode = sampler(None, TaskShape(6, 1, 2))(4)
    assert (episode.images == episode.images[..., :1]).all()
    assert torch.equal(episode.labels, episode.images[..., 0])
    assert len(episode.images[..., 0].unique()) == 6


def test_ways_are_clusters_and_images_outside_of_clusters_are_left_out() -> None:
    labels = torch.arange(96) // 8  # 12 clusters of 8
    labels[90:] = 100 + torch.arange(6)  # a cluster of two is left, and six outliers
    draw = sampler(labels.unsqueeze(0), TaskShape(5, 1, 2, tasks=2))
    for step in range(5):
        episode = draw(step)
        assert episode.images.shape == (2, 5, 3)
        assert (labels[episode.images] == episode.labels.unsqueeze(-1)).all()
        assert episode.images.max() < 88


def test_few_clusters_give_more_tasks_of_fewer_ways() -> None:
    labels = torch.arange(96) % 5
    assert sampler(labels.unsqueeze(0), TaskShape(12, 1, 3))(0).images.shape == (3, 4, 4)
    with pytest.raises(UserError, match="1 clusters of at least 4 images, and a task needs 2"):
        sampler(torch.zeros(1, 96, dtype=torch.int64), TaskShape(12, 1, 3))(0)


def test_images_as_ways_carry_their_clusters() -> None:
    labels = torch.arange(96) // 4
    episode = sampler(labels.unsqueeze(0), TaskShape(16, 1, 1), "instances")(2)
    assert torch.equal(episode.labels, labels[episode.images[..., 0]])
    assert (episode.images[..., 0] == episode.images[..., 1]).all()


def test_every_partition_is_drawn_from() -> None:
    two = torch.stack([torch.arange(96) // 8, torch.arange(96) % 12])
    draw = sampler(two, TaskShape(4, 1, 2))
    fits = [[bool((one[e.images] == one[e.images[..., :1]]).all()) for one in two] for e in map(draw, range(20))]
    assert all(any(of_step) for of_step in fits)
    assert {tuple(of_step) for of_step in fits} == {(True, False), (False, True)}


def test_any_method_takes_clusters_for_labels() -> None:
    def axis(name: str, **settings: Any) -> Method:
        return with_cluster_labels(methods.get(name), {"labels": "cluster", **settings})

    assert ("labels", "given", "cluster") in methods.diff("supcon", axis("supcon"))
    assert ("labels", "instance", "cluster") in methods.diff("simclr", axis("simclr"))
    assert ("labels", "given", "cluster") in methods.diff("maml", axis("maml"))
    both = axis("l_spread")
    assert methods.describe(both)[-1]
    assert ("term 1: labels", "given", "cluster") in methods.diff("l_spread", both)
    assert not [d for d in methods.diff("l_spread", both) if d[0] == "term 2: labels"]
    how = axis("protonet", **{"clusters.by": "density", "clusters.by.neighbors": 7, "clusters.rounds": 3}).clusters
    assert how == Clustering(Density(neighbors=7), start=0.2, rounds=3)
    assert with_cluster_labels(methods.get("cactus"), {"clusters.partitions": 2}).clusters == Clustering(
        KMeans(partitions=2), start=0.2
    )


@pytest.mark.parametrize(
    ("name", "settings", "words"),
    [
        ("byol", {"labels": "cluster"}, "its objective has no labels"),
        ("protonet", {"clusters.rounds": 2}, "set protonet.labels=cluster"),
        ("cactus", {"clusters.by": "kmean"}, "did you mean 'kmeans'"),
        ("cactus", {"clusters.round": 2}, "did you mean 'rounds'"),
        ("uflst", {"clusters.rounds": 0}, "clusters.rounds = 0"),
    ],
)
def test_settings_that_are_refused(name: str, settings: dict[str, Any], words: str) -> None:
    with pytest.raises(UserError, match=words):
        with_cluster_labels(methods.get(name), settings)


@pytest.mark.parametrize(
    "name", ["protonet", "matching", "r2d2_classes", "metaoptnet", "relation", "nca", "triplet", "siamese", "supcon_in"]
)
def test_every_head_trains_on_clusters(name: str) -> None:
    """No label is read: the images have none."""
    settings = {"labels": "cluster", "clusters.start": 0.5, "clusters.by.clusters": 8}
    train = {"steps": 4, "overrides": BUDGET, "device": "cpu", "quiet": True}
    if name in {"relation", "nca", "metaoptnet"}:
        settings["way"] = 4
    metaclr.train(name, small.stripes().unlabelled(), settings=settings, **train)  # type: ignore[arg-type]


@pytest.mark.skipif(os.name != "posix", reason="needs SIGKILL")
@pytest.mark.parametrize(("name", "moments"), [("cactus", (33, 45)), ("uflst", (20, 34))])
def test_killed_and_resumed_to_the_same_bits(name: str, moments: tuple[int, ...], tmp_path: Path) -> None:
    """Killed before and after a clustering (the second is before step 33), in a process of its own."""
    whole, other = tmp_path / "whole", tmp_path / "killed"
    cluster_trainee.trained(name, whole)
    environment = {**os.environ, "PYTHONPATH": str(ROOT), "OMP_NUM_THREADS": str(torch.get_num_threads())}
    for moment in moments:
        command = [sys.executable, cluster_trainee.__file__, name, str(other), str(moment)]
        assert subprocess.run(command, check=False, cwd=ROOT, env=environment).returncode == -signal.SIGKILL
    cluster_trainee.trained(name, other)
    one, two = (torch.load(f / "checkpoint.pt", weights_only=True)["learner"] for f in (whole, other))
    assert one.keys() == two.keys()
    assert int(one["clusters.step"]) == 33
    assert one["clusters.labels"].min() >= 0
    different = [key for key in one if not torch.equal(one[key], two[key])]
    assert not different


def test_a_walk_changes_labels_and_clusters_together() -> None:
    from metaclr.walk.path import find_path

    path = find_path(methods.get("cactus"), methods.get("protonet"))
    assert [step.axes for step in path.steps] == [("labels", "clusters")]
    path = find_path(methods.get("protoclr"), methods.get("uflst"))
    assert path.end == methods.get("uflst")
    assert all(step.method.labels in ("instance", "cluster") for step in path.steps)
