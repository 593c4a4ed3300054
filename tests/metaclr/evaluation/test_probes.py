"""Linear probe and kNN: against loops, and independent of the test part."""

from __future__ import annotations

import math

import pytest
import torch
from hypothesis import given
from hypothesis import strategies as st

from metaclr.errors import UserError
from metaclr.evaluation import knn, linear
from metaclr.evaluation.evaluators.knn import knn_labels
from metaclr.evaluation.linear_probe import PENALTIES, fit_probe
from metaclr.evaluation.train_test_features import check_features, held_out_third

Tensor = torch.Tensor


def data(classes: int = 6, per_class: int = 20, width: int = 12) -> tuple[Tensor, Tensor, Tensor, Tensor]:
    made = torch.Generator().manual_seed(5)
    centers = torch.randn(classes, width, generator=made)
    labels = torch.arange(classes).repeat_interleave(per_class)
    x, x_test = (centers[labels] + torch.randn(len(labels), width, generator=made) for _ in range(2))
    return x, labels, x_test, labels.clone()


@given(st.lists(st.integers(1, 20), min_size=1, max_size=8), st.integers(0, 3))
def test_a_stratified_third_is_held_out(counts: list[int], seed: int) -> None:
    labels = torch.cat([torch.full((n,), c) for c, n in enumerate(counts)])[torch.randperm(sum(counts))]
    fit, held = held_out_third(labels, seed)
    assert torch.equal(torch.cat([fit, held]).sort().values, torch.arange(len(labels)))
    assert torch.bincount(labels[held], minlength=len(counts)).tolist() == [n // 3 for n in counts]


def test_linear_is_scikit_learns_pipeline() -> None:
    from sklearn.linear_model import LogisticRegression

    x, y, x_test, _ = data(per_class=200)
    probe = fit_probe(x, y, classes=6, penalties=[1e-2])
    # The standardization: variances counted with 30 images of average variance.
    variance = (len(x) * x.var(0, correction=0) + 30 * x.var(0, correction=0).mean()) / (len(x) + 30)
    scaled, asked = ((part - x.mean(0)) / variance.sqrt() for part in (x, x_test))
    theirs = LogisticRegression(C=1 / (len(x) * 1e-2), tol=1e-8, max_iter=1000).fit(scaled.numpy(), y.numpy())
    chances = torch.from_numpy(theirs.predict_proba(asked.numpy())).float()
    torch.testing.assert_close(probe.scores(x_test).softmax(1), chances, atol=5e-3, rtol=0)


def test_the_penalty_is_chosen_without_the_test_part() -> None:
    x, y, x_test, y_test = data()
    (found,) = linear(x, y, x_test, y_test, target="t")
    (other,) = linear(x, y, x_test.flip(0), y_test.roll(3), target="t")
    assert found.protocol == other.protocol
    assert f"best of {len(PENALTIES)} on a held-out third of the training part" in found.protocol
    assert found.value > 70
    assert found.evaluator == "linear"
    assert found.per_item is not None
    assert found.per_item.shape == y_test.shape
    assert other.value < 50


def test_too_few_to_hold_out_is_a_fixed_penalty() -> None:
    x, y, _, _ = data(per_class=2)
    assert fit_probe(x, y, classes=6).description == f"{1 / 12:g} (fixed)"


def test_knn_is_the_loop() -> None:
    x, y, x_test, _ = data()
    found = knn_labels(x, y, x_test, classes=6, k=17, temperature=0.1)
    for query, predicted in zip(x_test, found, strict=True):
        similarity = [torch.cosine_similarity(query, row, dim=0).item() for row in x]
        votes = [0.0] * 6
        for i in sorted(range(len(x)), key=lambda i: -similarity[i])[:17]:
            votes[int(y[i])] += math.exp(similarity[i] / 0.1)
        assert votes[int(predicted)] == max(votes)


def test_knn_clips_k_and_records_it() -> None:
    x, y, x_test, y_test = data()
    (found,) = knn(x, y, x_test, y_test, target="t")
    assert "k=120; temperature=0.1" in found.protocol
    assert found.value > 70
    assert math.isfinite(knn(x, y, x_test, y_test, target="t", temperature=1e-4)[0].value)


def test_gaps_in_labels_and_classes_that_only_the_test_part_has() -> None:
    x, y, x_test, y_test = data()
    (found,) = linear(x, y * 10, x_test, y_test * 10, target="t")
    assert found.value == linear(x, y, x_test, y_test, target="t")[0].value
    kept = y != 2
    (short,) = linear(x[kept], y[kept], x_test, y_test, target="t")
    assert short.way == 5
    assert short.per_item is not None
    assert not short.per_item[y_test == 2].any()


def test_refusals() -> None:
    x, y, x_test, y_test = data()
    with pytest.raises(UserError, match="test part is empty"):
        check_features(x, y, x_test[:0], y_test[:0])
    with pytest.raises(UserError, match="training part is empty"):
        check_features(x[:0], y[:0], x_test, y_test)
    with pytest.raises(UserError, match="one class only"):
        check_features(x[:5], y[:5], x_test, y_test)
    with pytest.raises(UserError, match="12 dimensions, test features 3"):
        check_features(x, y, x_test[:, :3], y_test)
    with pytest.raises(UserError, match="labels"):
        check_features(x, y[:-1], x_test, y_test)
    with pytest.raises(UserError, match="k >= 1"):
        knn_labels(x, y, x_test, classes=6, k=0, temperature=0.1)


def test_the_penalty_is_chosen_on_validation_images_where_there_are_some() -> None:
    x, y, x_test, y_test = data(width=3)
    both = (10.0, 1e-5)
    by_third = fit_probe(x, y, classes=6, penalties=both).penalty
    (other,) = set(both) - {by_third}
    alone = fit_probe(x, y, classes=6, penalties=[other])
    validation = x_test, alone.scores(x_test).argmax(1)
    assert (fit_probe(x, y, classes=6, penalties=[by_third]).scores(x_test).argmax(1) != validation[1]).any()
    chosen = fit_probe(x, y, classes=6, penalties=both, validation=validation)
    assert chosen.penalty == other
    torch.testing.assert_close(chosen.weight, alone.weight)  # fitted on the training part alone
    labels = torch.cat([y_test[:30], torch.tensor([9])])  # 9: a class that the training part lacks
    (row,) = linear(x, y, x_test, y_test, target="t", validation=(x_test[:31], labels))
    assert "on the validation part" in row.protocol
