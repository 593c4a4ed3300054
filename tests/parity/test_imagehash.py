"""The perceptual hash of the leak audit is ImageHash's pHash, bit for bit."""

from __future__ import annotations

import numpy as np
import pytest
import torch
from PIL import Image

from episodes.near_duplicates import hash_bits
from tests.parity.agreement import INSTALL

imagehash = pytest.importorskip("imagehash", reason=INSTALL)


def test_bits_are_those_of_imagehash() -> None:
    rng = np.random.default_rng(0)
    small = rng.integers(0, 256, (200, 6, 6), dtype=np.uint8)
    images = [np.asarray(Image.fromarray(one).resize((32, 32), Image.Resampling.BICUBIC)) for one in small]
    ours = hash_bits(torch.from_numpy(np.stack(images)).float()).numpy()
    theirs = np.stack([imagehash.phash(Image.fromarray(one)).hash.ravel() for one in images])
    assert np.array_equal(ours, theirs)
