"""What an encoder makes of single images: against plain loops and scikit-learn, and on cases with a known answer."""

from __future__ import annotations

import sys
from pathlib import Path

import numpy as np
import pytest
import torch
import torch.nn.functional as F
from sklearn.decomposition import PCA

import metaclr
from episodes import ImageSet
from metaclr.errors import UserError
from metaclr.evaluation.inspection import (
    MAX_PER_CLASS,
    choose_images,
    class_examples,
    inspect,
    nearest_class_mean,
    principal_components,
)


def image_set(counts: list[int]) -> ImageSet:
    labels = torch.arange(len(counts)).repeat_interleave(torch.tensor(counts))
    return ImageSet(torch.zeros(len(labels), 1, 4, 4, dtype=torch.uint8), labels)


def test_the_class_mean_leaves_the_image_out() -> None:
    generator = torch.Generator().manual_seed(0)
    unit = F.normalize(torch.randn(60, 8, generator=generator), dim=1)
    labels = torch.randint(0, 5, (60,), generator=generator)
    expected = []
    for i in range(60):
        others = torch.arange(60) != i
        means = torch.stack([unit[others & (labels == c)].mean(0) for c in range(5)])
        expected.append(int(F.cosine_similarity(unit[i : i + 1], means).argmax()))
    assert nearest_class_mean(unit, labels).tolist() == expected


def test_a_class_without_other_images_cannot_be_recognized() -> None:
    unit = torch.eye(3)[[0, 0, 1]]
    assert nearest_class_mean(unit, torch.tensor([0, 0, 1])).tolist() == [0, 0, 0]
    # A class number without any image is never given.
    assert 1 not in nearest_class_mean(torch.eye(3)[[0, 0, 1, 1]], torch.tensor([0, 0, 2, 2])).tolist()


def test_random_features_are_recognized_as_often_as_guessing() -> None:
    """Leaving images out matters here: with them in their own means, high-dimensional noise is recognized perfectly."""
    generator = torch.Generator().manual_seed(1)
    unit = F.normalize(torch.randn(4000, 256, generator=generator), dim=1)
    labels = torch.randint(0, 10, (4000,), generator=generator)
    share = (nearest_class_mean(unit, labels) == labels).float().mean()
    assert abs(float(share) - 0.1) < 4 * (0.1 * 0.9 / 4000) ** 0.5


def test_principal_components_are_those_of_scikit_learn() -> None:
    rows = torch.randn(40, 100, generator=torch.Generator().manual_seed(2)) * torch.linspace(3, 0.1, 100)
    found, variance = principal_components(rows)
    reference = PCA(2, svd_solver="full").fit(rows.double().numpy())
    expected = reference.transform(rows.double().numpy())
    np.testing.assert_allclose(np.abs(found.numpy()), np.abs(expected), atol=1e-4)
    np.testing.assert_allclose(variance.numpy(), reference.explained_variance_ratio_, rtol=1e-5)
    assert (found.gather(0, found.abs().argmax(0, keepdim=True)) > 0).all()


def test_equal_rows_have_no_components() -> None:
    found, variance = principal_components(torch.ones(5, 3))
    assert found.abs().max() < 1e-6
    assert variance.tolist() == [0.0, 0.0]


def test_neighbors_are_sorted_and_leave_out_the_query() -> None:
    images = image_set([20, 20, 20])
    features = torch.randn(60, 16, generator=torch.Generator().manual_seed(3))
    chosen = choose_images(images)
    found = inspect(features, images.required_labels(), chosen)
    for query, neighbors, cosines in zip(chosen.queries, found.neighbors, found.similarity, strict=True):
        all_cosines = F.cosine_similarity(features[query][None], features)
        all_cosines[query] = -2
        assert neighbors.tolist() == all_cosines.argsort(descending=True)[:6].tolist()
        torch.testing.assert_close(cosines, all_cosines.sort(descending=True).values[:6])


def test_a_map_by_umap_keeps_classes_together() -> None:
    pytest.importorskip("umap", reason="umap-learn is not installed")
    images = image_set([20, 20, 20])
    centers = 3 * torch.eye(3, 16)[images.required_labels()]
    features = centers + 0.3 * torch.randn(60, 16, generator=torch.Generator().manual_seed(3))
    chosen = choose_images(images)
    one, two = (inspect(features, images.required_labels(), chosen, "umap") for _ in range(2))
    assert torch.equal(one.coordinates, two.coordinates)
    assert one.variance.isnan().all()
    distance = torch.cdist(one.coordinates, one.coordinates) + 1e9 * torch.eye(len(chosen.mapped))
    labels = images.required_labels()[chosen.mapped]
    assert (labels[distance.argmin(1)] == labels).all()


def test_a_map_by_umap_without_the_library_is_refused_before_any_work(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setitem(sys.modules, "umap", None)
    with pytest.raises(UserError, match=r"evaluate.map = 'umap' needs umap.*pip install 'metaclr\[umap\]'"):
        metaclr.compare(methods=["simclr"], overrides=["evaluate.map=umap"], out=tmp_path / "out", quiet=True)
    assert not (tmp_path / "out").exists()


def test_the_same_images_are_chosen_for_every_encoder_and_of_many_classes_ten() -> None:
    images = image_set([40] * 37)
    one, other = choose_images(images), choose_images(images)
    assert all(torch.equal(getattr(one, name), getattr(other, name)) for name in vars(one))
    shown = images.required_labels()[one.mapped]
    assert len(shown.unique()) == 10
    assert torch.bincount(shown).max() == MAX_PER_CLASS
    assert images.required_labels()[one.queries].tolist() == shown.unique().tolist()
    assert len(one.classified) == len(images)


def test_class_examples_are_one_image_of_each_class_that_has_one() -> None:
    labels = torch.tensor([2, 0, 2, 1, 0])
    assert class_examples(labels, torch.tensor([0, 2, 4])).tolist() == [4, 0]
