"""Where losses meet in a limit or at an optimum: temperature, one shot, raw scale, the simplex. Float64."""

from __future__ import annotations

from collections.abc import Callable
from math import log
from statistics import mean, stdev

import pytest
import torch
import torch.nn.functional as F
from torch import Tensor

from metaclr.bridge import (
    Context,
    Matching,
    Objective,
    Pairs,
    Prototypes,
    SimpleContrastive,
    Tasks,
    cosine,
    cross_entropy,
    dot,
    given,
    leave_one_out,
    raw,
    split,
    squared_euclidean,
    swap,
)
from metaclr.bridge.logits.logits import Logits
from tests.metaclr.bridge.test_identities import TAU, agree, batch, bridge, with_gradient


def test_with_one_shot_all_heads_are_one_and_with_three_they_are_not() -> None:
    """Research 3.1, difference 5: ProtoNet averages support before it compares, NT-Xent and SupCon never do."""
    heads = (Pairs(dot), Matching(dot), Prototypes(dot))
    one, *others = (bridge(roles=split, head=head, temperature=TAU) for head in heads)
    for other in others:
        agree(one, other, batch(views=4))
    values = [bridge(Context(shot=3), roles=split, head=head, temperature=TAU)(batch(views=5)) for head in heads]
    assert min((a - b).abs() for a in values for b in values if a is not b) > 1e-3


@pytest.mark.parametrize("factor", [0.1, 3.0])
def test_raw_prototypes_have_a_free_scale_in_place_of_a_temperature(factor: float) -> None:
    """Research 3.1, difference 6."""
    settings = {"roles": split, "embedding": raw, "head": Prototypes(squared_euclidean)}
    agree(
        lambda z: bridge(**settings, temperature=1.0)(factor * z),
        bridge(**settings, temperature=factor**-2),
        0.3 * batch(),
    )


def test_gradients_by_the_similarities_are_probabilities() -> None:
    """Wang and Liu 2021: dL/ds_ii = -(1/tau) sum of the negatives' P_ij, dL/ds_ij = P_ij / tau; their sum is zero."""
    similarities = batch(1, 12, 1, 12)[0, :, 0].requires_grad_()
    rows = torch.arange(12)
    logits = Logits(lambda: (similarities / TAU)[None], rows, rows)
    losses = cross_entropy(logits, logits.mean_positives(), Context(), 1 / TAU)
    slope = torch.autograd.grad(losses.sum(), similarities)[0]
    probability = (similarities.detach() / TAU).softmax(-1)
    negatives = probability * (1 - torch.eye(12))
    expected = negatives / TAU - torch.diag(negatives.sum(-1)) / TAU
    torch.testing.assert_close(slope, expected, rtol=1e-10, atol=1e-12)
    assert slope.sum(-1).abs().max() < 1e-12


def test_a_high_temperature_leads_to_the_simple_contrastive_loss() -> None:
    """tau (L - log C) -> (C - 1) / C L_simple over C columns, value and gradient; the error falls like 1 / tau."""
    z, columns = batch(), 31
    simple = with_gradient(bridge(temperature=1.0, denominator=SimpleContrastive()), z)

    def error(tau: float) -> list[float]:
        plain = bridge(temperature=tau)
        scaled = with_gradient(lambda z: tau * (plain(z) - torch.tensor(columns).double().log()), z)
        return [float((a - (columns - 1) / columns * b).abs().max()) for a, b in zip(scaled, simple, strict=True)]

    for near, nearer in zip(error(1e2), error(1e4), strict=True):
        assert near < 1e-2
        assert nearer == pytest.approx(near / 100, rel=0.05)


@pytest.mark.parametrize("tau", [1e-2, 1e-3])
def test_a_low_temperature_leads_to_the_hardest_negative_alone(tau: float) -> None:
    """0 <= tau L - mean max(s_max - s_ii, 0) <= tau log C: only the nearest negative is left."""
    z = batch()
    unit = F.normalize(z[0].flatten(0, 1), dim=-1)
    similarity = (unit @ unit.T).fill_diagonal_(-2)
    own = similarity[torch.arange(32), torch.arange(32) ^ 1]
    hinge = (similarity.amax(-1) - own).mean()
    gap = tau * bridge(temperature=tau)(z) - hinge
    assert 0 <= gap <= tau * torch.tensor(31.0).log()


@pytest.mark.parametrize("name", ["supcon", "cross-entropy"])
def test_classes_end_on_a_regular_simplex(name: str) -> None:
    """Graf et al. 2021: class means at cosine -1 / (C - 1) of each other, no variance within a class."""
    classes, dim = 10, 16
    source = torch.Generator().manual_seed(0)
    z = torch.randn(1, classes, 3, dim, dtype=torch.float64, generator=source).requires_grad_()
    weights = torch.randn(classes, dim, dtype=torch.float64, generator=source).requires_grad_()
    supcon = Objective(labels=given, roles=leave_one_out, head=Pairs(dot), temperature=0.5).build(dim).double()
    context = Context(labels=torch.arange(classes)[None])

    def loss() -> Tensor:
        if name == "supcon":
            return supcon(z, context)  # type: ignore[no-any-return]
        logits = F.normalize(z[0].flatten(0, 1), dim=-1) @ F.normalize(weights, dim=-1).T
        return F.cross_entropy(logits / 0.5, torch.arange(classes).repeat_interleave(3))

    optimizer = torch.optim.LBFGS([z, weights], lr=1, max_iter=200, line_search_fn="strong_wolfe")

    def closure() -> Tensor:
        optimizer.zero_grad()
        value = loss()
        value.backward()
        return value

    optimizer.step(closure)
    unit = F.normalize(z.detach()[0], dim=-1)
    means = F.normalize(unit.mean(1), dim=-1)
    between = (means @ means.T)[~torch.eye(classes, dtype=torch.bool)]
    torch.testing.assert_close(between, torch.full_like(between, -1 / 9), rtol=0, atol=1e-3)  # -0.1111
    assert (unit - unit.mean(1, keepdim=True)).norm(dim=-1).max() < 1e-2


def of(dim: int, views: int, context: Context | None = None, **settings: object) -> Callable[[int], float]:
    """The loss of random embeddings by their seed."""
    ways = 32 if dim == 16 else 16
    module = Objective(**{"temperature": TAU, **settings}).build(dim)  # type: ignore[arg-type]
    return lambda seed: float(module(batch(ways=ways, views=views, dim=dim, seed=seed), context))


THREE = Context(shot=3)
PRINTED: list[tuple[float, Callable[[int], float]]] = [
    (4.048, of(16, 2, roles=split, tasks=Tasks(1))),
    (3.356, of(16, 2, roles=split, tasks=Tasks(2))),
    (2.663, of(16, 2, roles=split, tasks=Tasks(4))),
    (1.660, of(16, 2, roles=split, tasks=Tasks(8))),
    (0.597865, lambda seed: of(32, 2)(seed) - of(32, 2, roles=swap)(seed)),
    (4.52771, of(32, 4)),
    (4.24878, lambda seed: of(32, 4, head=Matching(dot))(seed) + log(3)),
    (2.9728, of(32, 4, THREE, roles=split, head=Prototypes(squared_euclidean), temperature=2 * TAU)),
    (2.9542, of(32, 4, THREE, roles=split, head=Prototypes(dot))),
    (3.2717, of(32, 4, THREE, roles=split, head=Prototypes(cosine))),
]


@pytest.mark.parametrize(("printed", "loss"), PRINTED, ids=[str(printed) for printed, _ in PRINTED])
def test_printed_figures_are_of_a_usual_draw(printed: float, loss: Callable[[int], float]) -> None:
    """Each is one draw of random embeddings whose seed is not known: within two standard deviations of many."""
    draws = [loss(seed) for seed in range(30)]
    assert abs(printed - mean(draws)) < 2 * stdev(draws)
