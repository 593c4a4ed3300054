"""Mean and covariance of all 3x3 patches of a batch, with a third of the products of the definition."""

from __future__ import annotations

import torch
import torch.nn.functional as F
from torch import Tensor

from metaclr.networks.fast_conv4.pooled_conv import pieces


@torch.no_grad()
def patch_moments(pixels: Tensor) -> tuple[Tensor, Tensor]:
    """Mean (9C,) and covariance (9C, 9C) over B, H and W of the zero-padded 3x3 patches of (B, C, H, W).

    A patch is flattened like a convolution's weight. Pixels are centered first and sums over images are in float64, so
    that E[x^2] - E[x]^2 loses no digits.
    """
    batch, channels, height, width = pixels.shape
    center = pixels.mean((0, 2, 3), keepdim=True)
    products = torch.zeros(9 * channels, 9 * channels, dtype=torch.float64)
    total = torch.zeros(1, channels, height, width, dtype=torch.float64)
    for piece in pieces(pixels, 9 * channels):
        around = (pixels[piece] - center).contiguous()
        total += around.sum(0, keepdim=True)
        products += _products(F.pad(around, (1, 1, 1, 1)))
    # A patch is the centered patch plus the mean pixel wherever it lies inside the image: padding stays 0.
    patches = F.unfold(total, 3, padding=1)[0]  # (9C, H * W), summed over images
    inside = F.unfold(torch.ones_like(total) * center, 3, padding=1)[0]
    products += patches @ inside.T + inside @ patches.T + batch * inside @ inside.T
    count = batch * height * width
    mean = (patches + batch * inside).sum(1) / count
    covariance = products / count - mean.outer(mean)
    return mean.to(pixels.dtype), covariance.to(pixels.dtype)


def _products(padded: Tensor) -> Tensor:
    """Sum (9C, 9C), float64, of the products of all pairs of entries of a patch, for padded (B, C, H + 2, W + 2).

    Two entries a column apart run over the same pairs of pixels wherever they are in the patch, except for the image's
    first and last column: products with the patch's left column give all others.
    """
    batch, channels, height, width = (*padded.shape[:2], padded.shape[2] - 2, padded.shape[3] - 2)
    images, planes, rows, _ = padded.stride()
    shape, strides = (batch, 3, channels, 3, height, width), (images, 1, planes, rows, rows, 1)
    columns = padded.as_strided(shape, strides).reshape(batch, 3, 3 * channels, height * width)
    left = torch.bmm(columns[:, 0], columns.flatten(1, 2).transpose(1, 2)).double().sum(0)
    same, one, two = left.view(3 * channels, 3, 3 * channels).unbind(1)  # columns apart
    middle = columns[:, 1].view(batch, 3 * channels, height, width)
    last, first = _outer(middle[..., -1]), _outer(middle[..., 0])
    blocks = [
        torch.cat([same, one, two], 1),
        torch.cat([one.T, same + last, one], 1),
        torch.cat([two.T, one.T, same + last - first], 1),
    ]
    by_column = torch.cat(blocks).view(3, channels, 3, 3, channels, 3)
    return by_column.permute(1, 2, 0, 4, 5, 3).reshape(9 * channels, 9 * channels)


def _outer(column: Tensor) -> Tensor:
    """Sum of the outer products of (B, 3C, H) over B and H, in float64."""
    flat = column.transpose(0, 1).flatten(1).double()
    return flat @ flat.T
