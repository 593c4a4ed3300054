"""A few labels: the same labels for all, the encoder untouched, and the same number twice."""

from __future__ import annotations

import pytest
import torch

from episodes import EpisodeError, ImageSet, ViewRecipe, label_subset, train_test_split
from metaclr.adaptation.fine_tune import fine_tune
from metaclr.errors import UserError
from metaclr.evaluation import FineTune, Measurement, Pixels, features, low_label_finetune, low_label_frozen
from metaclr.evaluation.linear_probe import fit_probe
from tests.metaclr.evaluation.evaluate_data import blobs, small_encoder


def target(noise: float = 60.0) -> tuple[ImageSet, ImageSet, list[torch.Tensor]]:
    train, test = train_test_split(blobs(6, 20, noise=noise), seed=0)
    return train, test, [label_subset(train, seed, per_class=2) for seed in range(3)]


def tuned(encoder: torch.nn.Module, settings: FineTune, **options: int) -> Measurement:
    train, test, subsets = target()
    (found,) = low_label_finetune(encoder, train, test, subsets, target="t", labels="k", settings=settings, **options)
    return found


def test_frozen_and_end_to_end() -> None:
    train, test, subsets = target()
    encoder = small_encoder()
    x, x_test = features(encoder, train), features(encoder, test)
    (frozen,) = low_label_frozen(
        x, train.required_labels(), x_test, test.required_labels(), subsets, target="t", labels="2 per class (12)"
    )
    before = {name: value.clone() for name, value in encoder.state_dict().items()}
    end_to_end = tuned(encoder, FineTune(steps=20, lr=1e-2))
    for name, value in encoder.state_dict().items():
        torch.testing.assert_close(value, before[name], rtol=0, atol=0)
    assert encoder.training
    assert all(p.requires_grad and p.grad is None for p in encoder.parameters())
    assert (frozen.evaluator, end_to_end.evaluator) == ("low-label frozen", "low-label finetune")
    for found in (frozen, end_to_end):
        assert (found.way, found.shot, found.n) == (6, None, 3)
        assert found.per_item is not None
        assert found.per_item.shape == (len(test),)
        assert found.value == pytest.approx(100 * found.per_item.mean().item(), abs=1e-4)
        assert found.value > 50
        assert "subsets=3; interval=Student t over label subsets" in found.protocol
    assert "optimizer=Adam, cosine; steps=20; batch=32; lr=0.01" in end_to_end.protocol
    assert "augmentation=none; bn=frozen statistics" in end_to_end.protocol
    assert not torch.equal(frozen.per_item, end_to_end.per_item)  # type: ignore[arg-type]


def test_an_encoder_in_float64_is_tuned_in_float64() -> None:
    train, _, subsets = target()
    settings = FineTune(steps=5, lr=1e-2)
    labelled = train.select(subsets[0])
    y = labelled.required_labels()
    exact, near = small_encoder().double(), small_encoder()
    found = []
    for encoder in (exact, near):
        probe = fit_probe(features(encoder, labelled), y, classes=6)
        network, head = fine_tune(
            encoder, (probe.weight, probe.bias), labelled, y, FineTune(steps=5, lr=1e-2, precision="fp32"), seed=0
        )
        found.append(head(features(network, labelled)))
    assert [f.dtype for f in found] == [torch.float64, torch.float32]
    torch.testing.assert_close(found[1].double(), found[0], rtol=1e-2, atol=1e-2)
    assert "precision=fp64" in tuned(exact, settings).protocol


def test_deterministic_and_never_reads_the_global_generator() -> None:
    settings = FineTune(steps=5, lr=1e-2, views=ViewRecipe(shift=0.1))
    torch.manual_seed(1)
    state = torch.get_rng_state()
    first = tuned(small_encoder(), settings)
    assert torch.equal(torch.get_rng_state(), state)
    torch.manual_seed(2)
    again, other = tuned(small_encoder(), settings), tuned(small_encoder(), settings, seed=1)
    assert torch.equal(first.per_item, again.per_item)  # type: ignore[arg-type]
    assert not torch.equal(first.per_item, other.per_item)  # type: ignore[arg-type]
    assert "augmentation=random views" in first.protocol


def test_the_encoder_learns_and_not_the_head_alone() -> None:
    """On the labelled images, with features too few to tell the classes apart as they are."""
    train, _, subsets = target(noise=120.0)
    labelled, projection = train.select(subsets[0]), torch.randn(2, 64, generator=torch.Generator().manual_seed(0))
    encoder = torch.nn.Sequential(torch.nn.Flatten(), torch.nn.Linear(64, 2))
    encoder.load_state_dict({"1.weight": projection / 8, "1.bias": torch.zeros(2)})
    labels = labelled.required_labels()
    probe = fit_probe(features(encoder, labelled), labels, classes=6)

    def loss(lr: float) -> float:
        settings = FineTune(steps=60, lr=lr, head_lr=1e-2)
        tuned, head = fine_tune(encoder, (probe.weight, probe.bias), labelled, labels, settings, seed=0)
        return torch.nn.functional.cross_entropy(head(features(tuned, labelled)), labels).item()

    assert loss(1e-2) < 0.5 * loss(1e-12)


def test_pixels_train_a_head_alone() -> None:
    assert tuned(Pixels(), FineTune(steps=5)).value > 50


def test_trained_statistics_change_the_result_and_the_protocol() -> None:
    free = tuned(small_encoder(), FineTune(steps=5, lr=1e-2, frozen_statistics=False))
    assert "bn=trained statistics" in free.protocol
    assert not torch.equal(free.per_item, tuned(small_encoder(), FineTune(steps=5, lr=1e-2)).per_item)  # type: ignore[arg-type]


def test_one_subset_has_an_interval_over_images() -> None:
    train, test, subsets = target()
    (found,) = low_label_finetune(
        Pixels(), train, test, subsets[:1], target="t", labels="k", settings=FineTune(steps=2)
    )
    assert found.n == len(test)
    assert found.ci95 > 0
    assert "Wilson" in found.protocol


def test_refusals() -> None:
    train, test, subsets = target()
    with pytest.raises(EpisodeError, match="labels"):
        low_label_finetune(Pixels(), train.unlabelled(), test, subsets, target="t", labels="k")
    with pytest.raises(UserError, match="no label subset"):
        low_label_finetune(Pixels(), train, test, [], target="t", labels="k")
    with pytest.raises(UserError, match=r"indices in 0\.\.59"):
        low_label_finetune(Pixels(), train, test, [torch.tensor([0, 60])], target="t", labels="k")
    with pytest.raises(UserError, match="one class only"):
        low_label_finetune(Pixels(), train, test, [torch.tensor([0, 1])], target="t", labels="k")
    with pytest.raises(UserError, match="steps must be 1 or more, not 0"):
        FineTune(steps=0)
