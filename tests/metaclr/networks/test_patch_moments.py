"""Mean and covariance of all patches against their definition."""

import pytest
import torch
import torch.nn.functional as F
from hypothesis import given, settings
from hypothesis import strategies as st
from torch import Tensor

from metaclr.networks.fast_conv4 import patch_moments as module
from metaclr.networks.fast_conv4.patch_moments import patch_moments


def defined(pixels: Tensor) -> tuple[Tensor, Tensor]:
    """Every zero-padded 3x3 patch, laid out and averaged."""
    patches = F.unfold(pixels.double(), 3, padding=1).transpose(1, 2).flatten(0, 1)  # (B * H * W, 9C)
    mean = patches.mean(0)
    return mean, (patches - mean).T @ (patches - mean) / len(patches)


@settings(deadline=None, max_examples=60)
@given(*(st.integers(1, most) for most in (5, 3, 9, 9)), st.integers(0, 2**31), st.booleans())
def test_moments_of_any_shape_are_those_of_the_definition(
    batch: int, channels: int, height: int, width: int, seed: int, last: bool
) -> None:
    pixels = torch.rand(batch, channels, height, width, generator=torch.Generator().manual_seed(seed)).double()
    if last:
        pixels = pixels.contiguous(memory_format=torch.channels_last)
    for ours, theirs in zip(patch_moments(pixels), defined(pixels), strict=True):
        torch.testing.assert_close(ours, theirs, rtol=1e-10, atol=1e-12)


def test_pieces_of_the_batch_are_added_up(monkeypatch: pytest.MonkeyPatch) -> None:
    pixels = torch.rand(7, 3, 6, 5, generator=torch.Generator().manual_seed(1)).double()
    whole = patch_moments(pixels)
    monkeypatch.setattr(module, "pieces", lambda rows, width: iter([slice(0, 3), slice(3, 4), slice(4, 7)]))
    for ours, theirs in zip(patch_moments(pixels), whole, strict=True):
        torch.testing.assert_close(ours, theirs, rtol=1e-12, atol=1e-14)


def test_float32_keeps_the_digits_of_a_faint_picture() -> None:
    faint = 0.9 + 0.001 * torch.rand(16, 3, 20, 20, generator=torch.Generator().manual_seed(2))
    _, ours = patch_moments(faint)
    _, exact = defined(faint)
    middle = 4  # the patch's center of the first channel: never padded
    assert abs(float(ours[middle, middle] / exact[middle, middle]) - 1) < 1e-4
