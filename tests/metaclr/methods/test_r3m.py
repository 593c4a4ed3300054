"""R3M's loss against a loop over its formula, its frames in order, and CVRL's distances between frames."""

from __future__ import annotations

import math
from itertools import combinations, product

import pytest
import torch

import metaclr
from episodes import ImageSet, TaskShape
from metaclr import methods
from metaclr.bridge.losses.ordered_frames import OrderedFrames
from metaclr.errors import UserError
from metaclr.positives.source import Draw
from metaclr.positives.time import Time, decreasing_pairs


@pytest.mark.parametrize(("similarity", "views"), [("l2", 3), ("cosine", 3), ("l2", 4)])
def test_loss_is_the_authors_formula_over_all_triples(similarity: str, views: int) -> None:
    z = torch.randn(2, 5, views, 6, dtype=torch.float64, generator=torch.Generator().manual_seed(0))

    def s(a: torch.Tensor, b: torch.Tensor) -> float:
        return -float((a - b).norm()) if similarity == "l2" else float(a @ b / a.norm() / b.norm())

    terms, aligned = [], []
    for task in z:
        for i, (a, b, c) in product(range(5), combinations(range(views), 3)):
            f0, f1, f2 = task[i, a], task[i, b], task[i, c]
            others = [(i - k) % 5 for k in (1, 2, 3)]
            late, outer, early = s(f1, f2), s(f0, f2), s(f0, f1)
            last = math.exp(late) + math.exp(outer) + sum(math.exp(s(f2, task[j, c])) for j in others)
            first = math.exp(early) + math.exp(outer) + sum(math.exp(s(f0, task[j, a])) for j in others)
            terms.append(-0.5 * (math.log(math.exp(late) / last) + math.log(math.exp(early) / first)))
            aligned.append(outer < late and early > outer)
    rows = z.flatten(0, 2)
    norms = float(rows.abs().sum(1).mean() + rows.norm(dim=1).mean())
    module = metaclr.objective("r3m", similarity=similarity)
    assert module(z).item() == pytest.approx(sum(terms) / len(terms) + 1e-5 * norms, rel=1e-9)
    assert module.accuracy.item() == pytest.approx(sum(aligned) / len(aligned))  # type: ignore[union-attr, operator]


def drawn(source: Time, views: int, step: int, frames: int = 8) -> torch.Tensor:
    clips = torch.zeros(40, frames, 1, 8, 8, dtype=torch.uint8)
    images = ImageSet(clips[:, -1], clips=clips)
    method = source.method(methods.get("simclr"))
    shape = TaskShape(40, 1, views - 1)
    return source.sampler(Draw(source.rendered(images), 40, shape, method, seed=0))(step).images % frames


def test_frames_are_in_order() -> None:
    table = torch.cat([drawn(Time(window=1.0, order=True), 3, step) for step in range(40)])
    assert (table.diff(dim=-1) > 0).all()
    assert torch.bincount(table[..., 0].flatten()).numel() == 6  # every first frame that leaves two behind it


def test_distances_fall_linearly() -> None:
    table = torch.cat([drawn(Time(window=0.75, decreasing=True), 2, step) for step in range(150)])
    first, second = table.flatten(0, 1).unbind(-1)
    apart = (first - second).abs()
    share = torch.bincount(apart, minlength=8)[1:] / len(apart)
    expected = torch.tensor([6.0, 5, 4, 3, 2, 1, 0]) / 21
    assert (share - expected).abs().max() < 0.02
    joint = decreasing_pairs(8, 6)
    found = torch.zeros(8, 8).index_put_((first, second), torch.ones(len(first)), accumulate=True) / len(first)
    assert (found - joint).abs().max() < 0.01
    three = drawn(Time(window=1.0, decreasing=True), 3, 0)
    assert all(len(set(row.tolist())) == 3 for row in three[0])


def test_training_orders_time() -> None:
    level = torch.linspace(0, 255, 8).to(torch.uint8).view(1, 8, 1, 1, 1).expand(40, 8, 1, 16, 16)
    noise = torch.randint(0, 40, (40, 1, 1, 16, 16), generator=torch.Generator().manual_seed(0))
    clips = (level * 0.8 + noise).to(torch.uint8)
    images = ImageSet(clips[:, -1], clips=clips)
    encoder = metaclr.train(
        "r3m", images, steps=30, device="cpu", quiet=True,
        overrides=["size=16", "encoder.options={width=8}", "train.batch_views=48", "views=identity", "train.lr=0.01"],
    )  # fmt: skip
    with torch.inference_mode():
        rows = encoder(clips.flatten(0, 1).float() / 255).view(40, 8, -1)
    near, far = (rows[:, 1:] - rows[:, :-1]).norm(dim=-1).mean(), (rows[:, 0] - rows[:, -1]).norm(dim=-1).mean()
    assert far > 3 * near


def test_what_does_not_fit_is_refused() -> None:
    with pytest.raises(UserError, match="at least 3 views of each way, got 2"):
        metaclr.objective("r3m")(torch.randn(1, 4, 2, 3))
    with pytest.raises(UserError, match="did you mean 'cosine'"):
        OrderedFrames(similarity="cos")
    with pytest.raises(UserError, match=r"leave out time\.order"):
        Time(far=True, order=True)
    with pytest.raises(UserError, match="a way has 5 frames in order, and a clip has 4"):
        drawn(Time(window=1.0, order=True), 5, 0, frames=4)
