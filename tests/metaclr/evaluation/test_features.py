"""Features: the encoder is restored, images do not depend on each other, bad output is an error with its reason."""

from __future__ import annotations

import pytest
import torch
from torch import nn

from episodes import to_float
from metaclr.errors import UserError
from metaclr.evaluation import Pixels, features, protocol_of
from metaclr.evaluation.features import default_batch
from tests.metaclr.evaluation.evaluate_data import blobs, small_encoder


def test_is_the_encoder_in_eval_mode_whatever_the_batch() -> None:
    images, encoder = blobs(), small_encoder()
    whole = features(encoder, images)
    with torch.no_grad():
        expected = small_encoder().eval()(to_float(images.images))
    torch.testing.assert_close(whole, expected, atol=1e-5, rtol=1e-5)
    torch.testing.assert_close(features(encoder, images, batch=7), whole, atol=1e-5, rtol=1e-5)
    assert whole.dtype == torch.float32
    assert not whole.requires_grad
    (whole * torch.ones(1, requires_grad=True)).sum().backward()  # not an inference tensor: a probe can train on it


@pytest.mark.parametrize("transductive", [False, True])
def test_leaves_modes_and_statistics_as_they_were(transductive: bool) -> None:
    encoder = small_encoder()
    encoder[1].eval()  # type: ignore[index]
    before = {name: value.clone() for name, value in encoder.state_dict().items()}
    features(encoder, blobs(), transductive_bn=transductive)
    assert [m.training for m in encoder.modules()] == [True, True, False, True, True, True]
    for name, value in encoder.state_dict().items():
        torch.testing.assert_close(value, before[name], rtol=0, atol=0)


def test_transductive_statistics_change_features_and_protocol() -> None:
    images = blobs()
    assert not torch.allclose(
        features(small_encoder(), images, transductive_bn=True), features(small_encoder(), images)
    )
    # Without BatchNorm there are no statistics to take: only the order could differ.
    plain = nn.Sequential(nn.Flatten(), nn.Linear(64, 5))
    torch.testing.assert_close(features(plain, images, transductive_bn=True), features(plain, images))
    assert "bn=eval" in protocol_of()
    assert "transductive" in protocol_of(transductive_bn=True)
    assert "bf16" in protocol_of(torch.bfloat16)


def test_bf16_is_near() -> None:
    images = blobs()
    found = features(small_encoder(), images, precision="bf16")
    assert found.dtype == torch.float32
    torch.testing.assert_close(found, features(small_encoder(), images), atol=0.03, rtol=0.03)


def test_fp64_is_the_encoder_in_float64() -> None:
    images = blobs()
    exact = small_encoder().double().eval()
    with torch.no_grad():
        expected = exact(to_float(images.images).double())
    asked = small_encoder()
    for found in (features(asked, images, precision="fp64"), features(exact, images)):
        assert found.dtype == torch.float64
        torch.testing.assert_close(found, expected, rtol=1e-13, atol=1e-13)
    assert {p.dtype for p in asked.parameters()} == {torch.float64}
    assert features(Pixels(), images, precision="fp64").dtype == torch.float64
    assert "features=fp64" in protocol_of(torch.float64)


def test_pixels_and_feature_maps_are_flattened() -> None:
    images = blobs()
    torch.testing.assert_close(features(Pixels(), images), to_float(images.images).flatten(1))
    assert features(nn.Conv2d(1, 3, 3), images.unlabelled()).shape == (len(images), 3 * 6 * 6)


class Odd(nn.Module):
    def __init__(self, out: object) -> None:
        super().__init__()
        self.out = out

    def forward(self, images: torch.Tensor) -> object:
        return self.out(images) if callable(self.out) else self.out


def test_refuses_what_are_no_features() -> None:
    images = blobs()
    with pytest.raises(UserError, match=r"must give a tensor \(B, F\).*not tuple"):
        features(Odd((1, 2)), images)
    with pytest.raises(UserError, match=r"\(3,\)"):
        features(Odd(torch.zeros(3)), images)
    encoder = small_encoder()
    with torch.no_grad():
        next(encoder.parameters()).fill_(float("nan"))
    with pytest.raises(UserError, match="not finite for 288 of 288 images of blobs"):
        features(encoder, images)
    assert encoder.training


def test_a_gpus_batch_follows_its_free_memory(monkeypatch: pytest.MonkeyPatch) -> None:
    gpu, free = torch.device("cuda", 0), 1 << 30

    def memory(_: torch.device) -> tuple[int, int]:
        return free, 80 << 30

    monkeypatch.setattr(torch.cuda, "mem_get_info", memory)
    monkeypatch.setattr(torch.cuda, "memory_reserved", lambda _: 0)
    monkeypatch.setattr(torch.cuda, "memory_allocated", lambda _: 0)
    assert default_batch(gpu, (32, 32)) == 512  # half a GiB, a MiB an image
    assert default_batch(gpu, (33, 33)) == 256  # rounded down to a power of two
    free *= 4
    assert default_batch(gpu, (32, 32)) == 2048
    free = 80 << 30
    assert default_batch(gpu, (224, 224)) == 512
    assert default_batch(gpu, (28, 28)) == 8192
    free = 0
    assert default_batch(gpu, (28, 28)) == 1
    assert default_batch(torch.device("cpu"), (28, 28)) == 64
