"""Reptile: its inner Adam against torch's, its outer step, and its batches."""

from __future__ import annotations

from copy import deepcopy

import torch
import torch.nn.functional as F
from torch import Tensor, nn

from episodes import Episode, random
from metaclr.meta.reptile import Reptile, ReptileSettings, inner_batches
from metaclr.networks import build_encoder

WAY, VIEWS, SIZE = 3, 4, 16


def learner_of() -> Reptile:
    with torch.random.fork_rng(devices=[]):
        torch.manual_seed(0)
        encoder = build_encoder("conv4", 1, SIZE, seed=0, width=4)
        return Reptile(encoder, WAY, ReptileSettings(inner_lr=1e-2, inner_steps=4, inner_batch=5), seed=7).double()


def batch(tasks: int) -> tuple[Tensor, Episode]:
    made = torch.Generator().manual_seed(1)
    pixels = torch.rand(tasks, WAY, VIEWS, 1, SIZE, SIZE, generator=made, dtype=torch.float64)
    index = torch.zeros(tasks, WAY, VIEWS, dtype=torch.int64)
    return pixels, Episode(index, index, index[..., 0], 2)


def test_two_outer_steps_equal_torchs_adam_on_copies() -> None:
    learner = learner_of()
    moments: dict[str, Tensor] = {}
    for count in range(2):
        pixels, episode = batch(2)
        ends, seen = [], []
        for number, task in enumerate(pixels):
            net = deepcopy(nn.Sequential(learner.encoder, learner.head)).train()
            adam = torch.optim.Adam(net.parameters(), lr=1e-2, betas=(0.0, 0.999))
            for name, parameter in net.named_parameters():
                if moments:
                    start = torch.tensor(4.0 * count)
                    adam.state[parameter] = {
                        "step": start,
                        "exp_avg": torch.zeros_like(parameter),
                        "exp_avg_sq": moments[name].clone(),
                    }
            rows, labels = task.flatten(0, 1), torch.arange(WAY).repeat_interleave(VIEWS)
            for picked in inner_batches(12, 5, 4, random.key(7, "reptile", 4 * count, number)):
                adam.zero_grad()
                F.cross_entropy(net(rows[picked]), labels[picked]).backward()
                adam.step()
            ends.append([p.detach() for p in net.parameters()])
            seen.append({name: adam.state[p]["exp_avg_sq"] for name, p in net.named_parameters()})
        start_values = [p.detach().clone() for p in learner.parameters()]
        loss, _ = learner(pixels, episode)
        found = torch.autograd.grad(loss, list(learner.parameters()))
        for before, gradient, *each in zip(start_values, found, *ends, strict=True):
            torch.testing.assert_close(before - 1e-2 * gradient, torch.stack(each).mean(0), rtol=1e-7, atol=1e-9)
        moments = {name: (seen[0][name] + seen[1][name]) / 2 for name in seen[0]}
    state = learner.state_dict()
    assert int(state["_extra_state"]) == learner.count == 8
    torch.testing.assert_close(state["second_moment"], torch.cat([m.flatten() for m in moments.values()]))


def test_batches_are_passes_over_all_images() -> None:
    batches = inner_batches(12, 4, 6, 3)
    assert [len(rows) for rows in batches] == [4] * 6
    for third in (batches[:3], batches[3:]):
        assert torch.cat(third).sort().values.tolist() == list(range(12))
    assert [len(rows) for rows in inner_batches(3, 10, 2, 3)] == [3, 3]


def test_own_procedure_takes_the_inner_adam_with_its_moments() -> None:
    from metaclr.adaptation.adapted_encoder import AdaptedEncoder
    from metaclr.comparison.runs.own_procedure import own_procedure
    from metaclr.methods import get

    learner = learner_of()
    learner(*batch(2))
    procedure = own_procedure(get("reptile"), learner)
    assert isinstance(procedure, AdaptedEncoder)
    assert "50 steps of rate 0.01 by Adam without momentum on 10 images each" in procedure.description
    rule = procedure.rule(procedure.rate)
    assert rule.count == 4  # type: ignore[attr-defined]


def test_tasks_of_other_ways_start_from_the_mean_of_heads_and_moments() -> None:
    from episodes import ImageSet, TaskShape, sample_table
    from metaclr.comparison.runs.own_procedure import own_procedure
    from metaclr.methods import get

    learner = learner_of().float()
    pixels, episode = batch(2)
    learner(pixels.float(), episode)
    images = ImageSet(
        torch.randint(0, 256, (60, 1, SIZE, SIZE), dtype=torch.uint8), torch.arange(6).repeat_interleave(10)
    )
    procedure = own_procedure(get("reptile"), learner)
    for way in (2, WAY, 5):
        table = sample_table(images, TaskShape(way, 2, 3), 4, seed=0)
        (logits,) = procedure.episode_logits(torch.zeros(60, 1), images, table)
        assert logits.shape == (4, way * 3, way)
        assert logits.isfinite().all()
    rule = procedure.rule(procedure.rate)  # type: ignore[union-attr]
    before = rule.second_moment["head.weight"].clone()
    gradient = torch.randn(5, before.shape[1])
    moved = rule({"head.weight": torch.zeros_like(gradient)}, {"head.weight": gradient}, 0)["head.weight"]
    moment = 0.001 * gradient.square() + 0.999 * before.mean(0)
    expected = -0.01 * gradient / ((moment / (1 - 0.999 ** (rule.count))).sqrt() + 1e-8)
    torch.testing.assert_close(moved, expected)
