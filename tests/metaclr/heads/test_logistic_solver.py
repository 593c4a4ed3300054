"""The batched solver against scikit-learn's, problem by problem."""

from __future__ import annotations

import numpy as np
import pytest
import torch

from metaclr.heads.logistic_solver import fit_logistic


def problems(count: int, n: int, features: int, classes: int) -> tuple[torch.Tensor, torch.Tensor]:
    made = torch.Generator().manual_seed(n + features)
    labels = torch.arange(n).expand(count, -1) % classes
    means = torch.randn(count, classes, features, generator=made, dtype=torch.float64)
    noise = torch.randn(count, n, features, generator=made, dtype=torch.float64)
    scale = torch.linspace(0.05, 3, features, dtype=torch.float64)
    return 0.5 * means.gather(1, labels.unsqueeze(2).expand(-1, -1, features)) + noise * scale + 1, labels


@pytest.mark.parametrize(
    ("n", "features", "classes", "penalty"),
    [(25, 64, 5, 1 / 25), (5, 64, 5, 1 / 5), (200, 16, 10, 1e-3), (30, 100, 3, 1e-2), (80, 20, 4, 1.0)],
)
def test_is_scikit_learns(n: int, features: int, classes: int, penalty: float) -> None:
    from sklearn.linear_model import LogisticRegression

    x, y = problems(3, n, features, classes)
    found = fit_logistic(x, y, classes=classes, penalty=penalty, tolerance=1e-14, steps=500)
    assert found.converged
    for p in range(3):
        theirs = LogisticRegression(C=1 / (n * penalty), tol=1e-10, max_iter=10_000).fit(x[p].numpy(), y[p].numpy())
        ours = found.scores(x)[p].numpy()
        # Softmax does not see a constant added to every class's bias.
        gap = theirs.decision_function(x[p].numpy()) - ours
        np.testing.assert_allclose(gap - gap.mean(1, keepdims=True), 0, atol=2e-3)
        np.testing.assert_allclose(theirs.coef_.T, found.weight[p].numpy(), atol=1e-3)


def test_default_tolerance_in_float32_predicts_alike() -> None:
    x, y = problems(4, 60, 30, 6)
    exact = fit_logistic(x, y, classes=6, penalty=1e-2, tolerance=1e-14, steps=500).scores(x).softmax(2)
    quick = fit_logistic(x.float(), y, classes=6, penalty=1e-2).scores(x.float()).softmax(2)
    torch.testing.assert_close(quick.double(), exact, atol=2e-2, rtol=0)


def test_a_problem_does_not_depend_on_its_neighbours() -> None:
    x, y = problems(4, 25, 40, 5)
    x[2] *= 20  # takes far more steps than the others
    together = fit_logistic(x, y, classes=5, penalty=1e-2, tolerance=1e-12, steps=500)
    alone = fit_logistic(x[:1], y[:1], classes=5, penalty=1e-2, tolerance=1e-12, steps=500)
    torch.testing.assert_close(together.weight[:1], alone.weight, atol=1e-5, rtol=1e-4)


def test_features_without_signal_give_equal_scores() -> None:
    found = fit_logistic(torch.ones(2, 10, 6), torch.arange(10).expand(2, -1) % 5, classes=5, penalty=0.1)
    torch.testing.assert_close(found.scores(torch.ones(3, 6)), torch.zeros(2, 3, 5), atol=1e-5, rtol=0)
