"""Conv-4 against the textbook order of its layers, forward, gradient and running statistics."""

from __future__ import annotations

from copy import deepcopy
from typing import Any

import pytest
import torch
import torch.nn.functional as F
from torch import Tensor, nn

from metaclr.errors import UserError
from metaclr.networks import build_encoder
from metaclr.networks.fast_conv4.first_block import can_use_fast_block, first_block, output_statistics
from metaclr.networks.fast_conv4.pooled_conv import _PIECE, _PIECE_ALONE, pieces, pooled_conv


class Textbook(nn.Module):
    """conv - batch norm - ReLU - max-pool, in the order of the paper."""

    def __init__(self, encoder: nn.Module) -> None:
        super().__init__()
        self.blocks = encoder.blocks

    def forward(self, pixels: Tensor) -> Tensor:
        for block in self.blocks:
            pixels = F.max_pool2d(F.relu(block.norm(block.conv(pixels))), 2)
        return pixels.flatten(1)


def pair(channels: int, dtype: torch.dtype = torch.float64) -> tuple[nn.Module, Textbook]:
    ours = build_encoder("conv4", channels, 28, seed=3, width=6).to(dtype)
    generator = torch.Generator().manual_seed(0)
    with torch.no_grad():  # scales of both signs, which pooling before batch norm would get wrong
        for block in ours.blocks:
            block.norm.weight.copy_(torch.randn(6, generator=generator))
            block.norm.bias.copy_(torch.randn(6, generator=generator))
    return ours, Textbook(deepcopy(ours))


def draw(*shape: int, seed: int = 1, dtype: torch.dtype = torch.float64) -> Tensor:
    return torch.rand(*shape, generator=torch.Generator().manual_seed(seed), dtype=dtype)


@pytest.mark.parametrize("channels", [1, 3])
@pytest.mark.parametrize("size", [28, 17])
def test_same_function_gradient_and_statistics_as_the_textbook(channels: int, size: int) -> None:
    ours, textbook = pair(channels)
    pixels = draw(9, channels, size, size)
    for _ in range(2):  # running statistics twice
        ours_out, book_out = ours(pixels), textbook(pixels)
        torch.testing.assert_close(ours_out, book_out, rtol=1e-9, atol=1e-9)
    weights = draw(*book_out.shape, seed=2)
    (ours_out * weights).sum().backward()
    (book_out * weights).sum().backward()
    for mine, theirs in zip(ours.parameters(), textbook.parameters(), strict=True):
        torch.testing.assert_close(mine.grad, theirs.grad, rtol=1e-7, atol=1e-9)
    for mine, theirs in zip(ours.buffers(), textbook.buffers(), strict=True):
        torch.testing.assert_close(mine, theirs, rtol=1e-10, atol=1e-12)
    ours.eval(), textbook.eval()
    torch.testing.assert_close(ours(pixels), textbook(pixels), rtol=1e-9, atol=1e-9)


@pytest.mark.parametrize("channels", [1, 3])
def test_the_option_fast_changes_the_order_of_computation_only(channels: int, monkeypatch: pytest.MonkeyPatch) -> None:
    """`fast=False` never enters fast_conv4, and both are the same function, gradient and running statistics."""
    fast, plain = (
        build_encoder("conv4", channels, 28, seed=3, width=6, fast=value).double() for value in (True, False)
    )
    pixels = draw(9, channels, 28, 28)
    calls: list[int] = []

    def counted(*arguments: Any) -> Tensor:
        calls.append(1)
        return first_block(*arguments)

    monkeypatch.setattr("metaclr.networks.block.first_block", counted)
    plain_out = plain(pixels)
    assert not calls
    fast_out = fast(pixels)
    assert calls
    torch.testing.assert_close(fast_out, plain_out, rtol=1e-9, atol=1e-9)
    fast_out.square().sum().backward()
    plain_out.square().sum().backward()
    for mine, theirs in zip(fast.parameters(), plain.parameters(), strict=True):
        torch.testing.assert_close(mine.grad, theirs.grad, rtol=1e-7, atol=1e-9)
    for mine, theirs in zip(fast.buffers(), plain.buffers(), strict=True):
        torch.testing.assert_close(mine, theirs, rtol=1e-10, atol=1e-12)
    with pytest.raises(UserError, match="fast = 1: true or false"):
        build_encoder("conv4", channels, 28, seed=3, fast=1)


def test_pixels_that_need_a_gradient_get_the_textbook_one() -> None:
    ours, textbook = pair(1)
    mine, theirs = draw(4, 1, 28, 28).requires_grad_(), draw(4, 1, 28, 28).requires_grad_()
    ours(mine).square().sum().backward()
    textbook(theirs).square().sum().backward()
    torch.testing.assert_close(mine.grad, theirs.grad, rtol=1e-7, atol=1e-10)


def test_float32_stays_within_rounding() -> None:
    ours, textbook = pair(1, torch.float32)
    pixels = draw(64, 1, 28, 28, dtype=torch.float32) * 0.02 + 0.9  # nearly constant: E[x^2] - E[x]^2 would fail
    exact = deepcopy(textbook).double()(pixels.double())
    ours_error = (ours(pixels) - exact).abs().max()
    book_error = (textbook(pixels) - exact).abs().max()
    assert ours_error < 4 * book_error + 1e-4


def test_statistics_of_the_convolution_from_its_input_alone() -> None:
    pixels, weight = draw(5, 2, 11, 8), draw(7, 2, 3, 3, seed=4) - 0.5
    maps = F.conv2d(pixels, weight, padding=1)
    mean, variance = output_statistics(pixels, weight)
    torch.testing.assert_close(mean, maps.mean((0, 2, 3)))
    torch.testing.assert_close(variance, maps.var((0, 2, 3), unbiased=False))


def test_pooled_convolution_has_first_and_second_derivatives() -> None:
    pixels = draw(2, 1, 4, 4)
    weight = (draw(2, 1, 3, 3, seed=5) - 0.5).requires_grad_()
    bias = (draw(2, seed=6) - 0.3).requires_grad_()

    def fast(weight: Tensor, bias: Tensor) -> Tensor:
        return pooled_conv(pixels, weight, bias)

    assert torch.autograd.gradcheck(fast, (weight, bias))
    assert torch.autograd.gradgradcheck(fast, (weight, bias))


def test_whole_first_block_gradcheck() -> None:
    conv, norm = nn.Conv2d(1, 2, 3, padding=1, bias=False).double(), nn.BatchNorm2d(2).double()
    pixels = draw(2, 1, 4, 4)
    weight, scale, shift = (draw(*s, seed=7).requires_grad_() for s in ((2, 1, 3, 3), (2,), (2,)))

    def block(weight: Tensor, scale: Tensor, shift: Tensor) -> Tensor:
        del conv.weight, norm.weight, norm.bias
        conv.weight, norm.weight, norm.bias = weight, scale, shift
        return first_block(pixels, conv, norm)

    for module, names in ((conv, ("weight",)), (norm, ("weight", "bias"))):
        for name in names:
            module._parameters.pop(name)
            setattr(module, name, None)
    assert torch.autograd.gradcheck(block, (weight, scale, shift))
    assert torch.autograd.gradgradcheck(block, (weight, scale, shift))


def test_pieces_cover_the_batch_once() -> None:
    pixels = torch.zeros(70, 1, 28, 28)
    covered = [index for piece in pieces(pixels, 64) for index in range(70)[piece]]
    assert covered == list(range(70))
    assert all(len(range(70)[piece]) * 64 * 784 <= _PIECE for piece in pieces(pixels, 64))
    assert len(list(pieces(torch.zeros(2, 1, 999, 999), 64))) == 2


def test_short_cut_only_where_it_is_exact() -> None:
    conv, norm = nn.Conv2d(1, 4, 3, padding=1, bias=False), nn.BatchNorm2d(4)
    pixels = torch.rand(2, 1, 8, 8)
    assert can_use_fast_block(pixels, conv, norm)
    assert not can_use_fast_block(pixels, conv, nn.SyncBatchNorm(4))
    assert not can_use_fast_block(pixels.requires_grad_(), conv, norm)
    assert not can_use_fast_block(torch.rand(2, 4, 8, 8), conv, norm)


@pytest.mark.parametrize("channels", [1, 3])
def test_evaluation_in_pieces_is_the_textbook(channels: int) -> None:
    """A batch of several pieces, without gradient; with it the textbook order is taken, which autograd knows."""
    encoder = build_encoder("conv4", channels, 28, seed=0, width=64).double().eval()
    pixels = torch.rand(40, channels, 28, 28, dtype=torch.float64)
    assert len(list(pieces(pixels, 64, _PIECE_ALONE))) > 1
    with torch.no_grad():
        in_pieces = encoder(pixels)
    torch.testing.assert_close(in_pieces, encoder(pixels).detach(), rtol=1e-10, atol=1e-12)


def test_vmap_over_weights_works() -> None:
    encoder = build_encoder("conv4", 1, 16, seed=0, width=4).eval()
    names = {name: torch.stack([p.detach(), 2 * p.detach()]) for name, p in encoder.named_parameters()}
    pixels = torch.rand(3, 1, 16, 16)
    both = torch.func.vmap(lambda p: torch.func.functional_call(encoder, p, (pixels,)))(names)
    torch.testing.assert_close(both[0], encoder(pixels))


def test_bf16_autocast_is_near_float32() -> None:
    encoder = build_encoder("conv4", 1, 28, seed=0, width=8)
    pixels = torch.rand(8, 1, 28, 28)
    exact = encoder(pixels)
    with torch.autocast("cpu", dtype=torch.bfloat16):
        rough = encoder(pixels)
    rough.float().square().mean().backward()
    assert torch.nn.functional.cosine_similarity(rough.float(), exact).min() > 0.99
    assert all(p.grad is not None and p.grad.isfinite().all() for p in encoder.parameters())


@pytest.mark.filterwarnings("ignore:`torch.jit.*deprecated")
@pytest.mark.parametrize("channels", [1, 3])
def test_torchscript_computes_the_same(channels: int) -> None:
    ours, _ = pair(channels)
    pixels = torch.rand(5, channels, 28, 28, dtype=torch.float64)
    scripted = torch.jit.script(ours.eval())
    torch.testing.assert_close(scripted(pixels), ours(pixels), rtol=1e-9, atol=1e-9)


def test_gray_images_are_color_to_a_network_for_color() -> None:
    net = build_encoder("conv4", 3, 32, seed=0, width=8).eval()
    gray = torch.rand(2, 1, 28, 28, generator=torch.Generator().manual_seed(0))
    torch.testing.assert_close(net(gray), net(gray.repeat(1, 3, 1, 1)))
    assert net(gray).shape == (2, 8)
    with pytest.raises(RuntimeError, match="expected input"):
        build_encoder("conv4", 1, 32, seed=0, width=8).eval()(torch.rand(2, 3, 32, 32))


@pytest.mark.filterwarnings("ignore")  # torch says that TorchScript is old; programs in use still read it
def test_a_trace_is_the_plain_function_with_and_without_gradient() -> None:
    net = build_encoder("conv4", 1, 28, seed=0, width=8).eval()
    traced = torch.jit.trace(net, torch.rand(2, 1, 28, 28))  # traces twice, and refuses what differs
    pixels = torch.rand(5, 1, 28, 28, generator=torch.Generator().manual_seed(0))
    with torch.no_grad():
        torch.testing.assert_close(traced(pixels), net(pixels), rtol=1e-5, atol=1e-6)
