"""Unequal shots, leave-one-out, temperature and threshold, against loops and closed forms."""

import math

import pytest
import torch
import torch.nn.functional as F
from hypothesis import given, settings
from hypothesis import strategies as st
from sklearn.linear_model import LogisticRegression as SklearnLogistic

from metaclr.errors import UserError
from metaclr.heads import get_head
from metaclr.inference.calibration import fit_temperature, rejection_threshold
from metaclr.inference.leave_one_out import leave_one_out
from metaclr.inference.support_layout import MAX_REPEATED, equal_shots


def rows_of(counts: list[int], dim: int = 6, seed: int = 0) -> tuple[torch.Tensor, torch.Tensor]:
    labels = torch.arange(len(counts)).repeat_interleave(torch.tensor(counts))
    generator = torch.Generator().manual_seed(seed)
    order = torch.randperm(len(labels), generator=generator)
    rows = torch.randn(len(labels), dim, dtype=torch.float64, generator=generator) + 2 * F.one_hot(labels, dim)
    return rows[order], labels[order]


@given(st.lists(st.integers(1, 40), min_size=2, max_size=6))
@settings(max_examples=60, deadline=None)
def test_every_row_of_a_class_counts_alike(counts: list[int]) -> None:
    rows, labels = rows_of(counts, dim=7)
    support = equal_shots(rows, labels, len(counts))
    exact = math.lcm(*counts) <= max(MAX_REPEATED, *counts)
    for label in range(len(counts)):
        own = rows[labels == label]
        repeats = (support[0, label].unsqueeze(1) == own.unsqueeze(0)).all(-1).sum(0)
        assert repeats.min() >= 1
        assert repeats.max() - repeats.min() <= (0 if exact else 1)
        assert repeats.sum() == support.shape[2]
        if exact:
            torch.testing.assert_close(support[0, label].mean(0), own.mean(0))


def test_prototypes_of_unequal_shots_are_class_means() -> None:
    rows, labels = rows_of([1, 5, 3])
    query = torch.randn(1, 20, 6, dtype=torch.float64)
    logits = get_head("euclidean").prepare(rows)[1].fit(equal_shots(rows, labels, 3)).logits(query)[0]
    means = torch.stack([rows[labels == n].mean(0) for n in range(3)])
    expected = -torch.cdist(query[0], means).square()
    torch.testing.assert_close(logits.softmax(1), expected.softmax(1))


def test_logistic_regression_weighs_classes_equally() -> None:
    rows, labels = rows_of([2, 6, 3], seed=3)
    support = equal_shots(rows, labels, 3)
    head = get_head("none+logistic").prepare(rows)[1]
    # C counts rows: 6 a class here, where scikit-learn's balanced weights sum to the 11 rows there are.
    sklearn = SklearnLogistic(C=18 / 11, class_weight="balanced", tol=1e-12, solver="newton-cholesky").fit(rows, labels)
    query = torch.randn(30, 6, dtype=torch.float64, generator=torch.Generator().manual_seed(1))
    ours = head.fit(support).logits(query.unsqueeze(0))[0].softmax(1)
    torch.testing.assert_close(ours, torch.from_numpy(sklearn.predict_proba(query)), atol=1e-4, rtol=0)


def test_left_out_images_are_classified_by_the_others() -> None:
    counts = [1, 2, 4, 3]
    rows, labels = rows_of(counts)
    head = get_head("euclidean").prepare(rows)[1]
    found = leave_one_out(head, rows, labels, 4)
    assert sorted(found.rows.tolist()) == [i for i in range(10) if labels[i] != 0], "an only image cannot be left out"
    place = [int((labels[:i] == labels[i]).sum()) for i in range(10)]
    for row, logits, similarity in zip(found.rows.tolist(), found.logits, found.similarity, strict=True):
        out = [i for i in range(10) if place[i] == place[row] and labels[i] != 0]
        kept = [i for i in range(10) if i not in out]
        means = torch.stack([rows[[i for i in kept if labels[i] == n]].mean(0) for n in range(4)])
        expected = -(rows[row] - means).square().sum(1)
        torch.testing.assert_close(logits.softmax(0), expected.softmax(0))
        torch.testing.assert_close(similarity, F.cosine_similarity(rows[row], rows[kept], dim=1).max())


def test_one_image_a_class_leaves_nothing_out() -> None:
    rows, labels = rows_of([1, 1, 1])
    found = leave_one_out(get_head("cosine").prepare(rows)[1], rows, labels, 3)
    assert found.logits.shape == (0, 3)
    with pytest.raises(UserError, match="at least two support images"):
        rejection_threshold(found.similarity, 0.05)


def test_temperature_undoes_a_scale() -> None:
    generator = torch.Generator().manual_seed(0)
    logits = 3 * torch.randn(4000, 5, dtype=torch.float64, generator=generator)
    labels = torch.multinomial(logits.softmax(1), 1, generator=generator).squeeze(1)
    for scale in (0.05, 1.0, 20.0):
        assert fit_temperature(logits * scale, labels) == pytest.approx(scale, rel=0.06)


def test_a_support_without_an_error_is_not_certain() -> None:
    perfect = 0.9 * torch.eye(5, dtype=torch.float64)
    t = fit_temperature(perfect, torch.arange(5))
    assert 0.5 < float((perfect / t).softmax(1)[0, 0]) < 0.999


@pytest.mark.parametrize(("share", "size"), [(0.1, 49), (0.05, 199)])
def test_at_most_the_share_of_known_images_is_rejected(share: float, size: int) -> None:
    generator = torch.Generator().manual_seed(0)
    rejected = []
    for _ in range(400):
        scores = torch.rand(size + 200, generator=generator)
        rejected.append(float((scores[size:] < rejection_threshold(scores[:size], share)).double().mean()))
    assert 0.6 * share < sum(rejected) / len(rejected) <= share * 1.02


@pytest.mark.parametrize("share", [0.0, 1.0, -1.0])
def test_a_share_is_between_0_and_1(share: float) -> None:
    with pytest.raises(UserError, match="above 0 and below 1"):
        rejection_threshold(torch.ones(5), share)
