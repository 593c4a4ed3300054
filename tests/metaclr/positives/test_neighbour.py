"""`neighbour`: the neighbors that are found are the nearest, and ways are made of them."""

from __future__ import annotations

import torch

from episodes import TaskShape
from metaclr import methods
from metaclr.clusters.labels import ClusterLabels
from metaclr.clusters.neighbors import Neighbors
from metaclr.positives.neighbour import Neighbour
from metaclr.positives.source import Draw
from tests.metaclr.comparison import small


def test_neighbors_are_those_of_a_loop() -> None:
    rows = torch.randn(40, 6, generator=torch.Generator().manual_seed(0))
    found = Neighbors(3).fit(rows, 0)
    for i in range(40):
        similar = [(float(rows[i] @ rows[j]), j) for j in range(40) if j != i]
        assert found[:, i].tolist() == [j for _, j in sorted(similar, reverse=True)[:3]]


def test_ways_are_an_image_and_its_neighbors() -> None:
    images = small.stripes(8, 12)
    source = Neighbour(count=4)
    method = source.method(methods.get("simclr"))
    near = ClusterLabels(4, len(images))
    draw = source.sampler(Draw(images, len(images), TaskShape(12, 1, 3), method, seed=0, clusters=near))
    assert (draw(1).images == draw(1).images[..., :1]).all()
    table = torch.stack([(torch.arange(96) + k) % 96 for k in (1, 2, 3, 4)])
    near.set(table, 0)
    seen = set()
    for step in range(30):
        episode = draw(step)
        steps = (episode.images[..., 1:] - episode.images[..., :1]) % 96
        assert ((steps >= 1) & (steps <= 4)).all()
        assert all(len(set(of.tolist())) == 3 for of in steps[0])
        assert torch.equal(episode.labels, episode.images[..., 0])
        seen |= set(steps.flatten().tolist())
    assert seen == {1, 2, 3, 4}
