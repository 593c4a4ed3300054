"""What the measures are for: temperature, labels and hard negatives move them as theory says, in a small network."""

from __future__ import annotations

from functools import cache

import torch
from torch import nn

import metaclr
from metaclr.bridge import Context
from metaclr.diagnose import class_geometry, tolerance, uniformity

CLASSES, DIM, STEPS = 10, 16, 150


@cache
def embeddings(method: str, temperature: float) -> tuple[torch.Tensor, torch.Tensor]:
    """Embeddings (2000, DIM) and labels of ten blobs, by a network of one hidden layer trained on noisy views."""
    source = torch.Generator().manual_seed(0)
    centers = 2 * torch.randn(CLASSES, DIM, generator=source)
    labels = torch.arange(2000) % CLASSES
    points = centers[labels] + torch.randn(2000, DIM, generator=source)
    with torch.random.fork_rng():
        torch.manual_seed(0)
        net = nn.Sequential(nn.Linear(DIM, 64), nn.ReLU(), nn.Linear(64, DIM))
    loss, optimizer = metaclr.objective(method, temperature=temperature), torch.optim.Adam(net.parameters(), 1e-2)
    for _ in range(STEPS):
        chosen = torch.randperm(2000, generator=source)[:96]
        views = points[chosen].unsqueeze(1) + 0.7 * torch.randn(96, 2, DIM, generator=source)
        optimizer.zero_grad()
        loss(net(views).unsqueeze(0), Context(labels=labels[chosen].unsqueeze(0))).backward()
        optimizer.step()
    with torch.no_grad():
        return net(points), labels


def test_uniformity_falls_and_tolerance_rises_with_temperature() -> None:
    cold, warm, hot = (embeddings("simclr", t) for t in (0.1, 0.3, 1.0))
    evenness = [uniformity(rows) for rows, _ in (cold, warm, hot)]
    tolerances = [tolerance(*pair) for pair in (cold, warm, hot)]
    assert evenness == sorted(evenness)  # higher: less even
    assert evenness[-1] > evenness[0] + 0.5
    assert tolerances == sorted(tolerances)
    assert tolerances[-1] > tolerances[0] + 0.3


def test_hard_negatives_flatten_both() -> None:
    def moves(method: str) -> tuple[float, float]:
        cold, hot = embeddings(method, 0.1), embeddings(method, 1.0)
        return uniformity(hot[0]) - uniformity(cold[0]), tolerance(*hot) - tolerance(*cold)

    plain, hard = moves("simclr"), moves("hard_contrastive")
    assert abs(hard[0]) < 0.2 * abs(plain[0])
    assert abs(hard[1]) < 0.2 * abs(plain[1])


def test_labels_bring_class_means_to_a_simplex_and_classes_to_points() -> None:
    supcon, simclr = class_geometry(*embeddings("supcon", 0.3)), class_geometry(*embeddings("simclr", 0.3))
    assert supcon.is_attainable
    assert supcon.simplex_distance < 0.8 * simclr.simplex_distance
    assert supcon.within < 0.2 * simclr.within
    assert supcon.nc1 < 0.3 * simclr.nc1
