"""scikit-learn's handwritten digits: a real cross-data-set target that needs no download."""

from __future__ import annotations

import torch
import torch.nn.functional as F

from episodes import ImageSet
from metaclr.data.cache import cached
from metaclr.data.named_sets import NamedSet
from metaclr.data.request import Request


def digits(size: int = 28) -> ImageSet:
    """1,797 digits of 43 writers, (1797, 1, size, size), 10 classes, smoothly enlarged from 8 x 8.

    Source: E. Alpaydin and C. Kaynak, UCI "Optical Recognition of Handwritten Digits" (1998), its test part.
    """
    from sklearn.datasets import load_digits

    raw = load_digits()
    small = torch.tensor(raw.images, dtype=torch.float32).unsqueeze(1) * (255 / 16)
    # The 8 x 8 counts fill the frame; other line drawings have a margin, and get one here.
    inner = round(size * 0.8)
    large = F.interpolate(small, size=(inner, inner), mode="bicubic", align_corners=False, antialias=True)
    left = (size - inner) // 2
    framed = F.pad(large, (left, size - inner - left, left, size - inner - left))
    images = framed.round().clamp(0, 255).to(torch.uint8)
    return ImageSet(images, torch.tensor(raw.target), class_names=tuple("0123456789"), name="digits")


def _read(request: Request) -> ImageSet:
    size = request.size or 28  # kept in the cache, for importing scikit-learn takes seconds
    return cached({"name": "digits", "size": size}, lambda _: digits(size), request.cache)


SETS = (NamedSet("digits", "scikit-learn's handwritten digits, 8 x 8 enlarged", 10, 1797, read=_read),)
