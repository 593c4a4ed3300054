"""`label`: the views of a way are different images of one class."""

from __future__ import annotations

from episodes import TaskShape
from metaclr import methods
from metaclr.positives.label import Label
from metaclr.positives.source import Draw
from tests.metaclr.comparison import small


def test_views_are_different_images_of_one_class() -> None:
    images = small.stripes(8, 12)
    method = Label().method(methods.get("simclr"))
    episode = Label().sampler(Draw(images, len(images), TaskShape(8, 1, 1), method, seed=0))(3)
    labels = images.required_labels()[episode.images]
    assert (labels == episode.labels.unsqueeze(-1)).all()
    assert (episode.images[..., 0] != episode.images[..., 1]).all()


def test_a_method_on_clusters_reads_labels() -> None:
    assert ("labels", "cluster", "given") in methods.diff("cactus", Label().method(methods.get("cactus")))
