"""Near copies: saved again, resized, mirrored ones are found, other images are not, in sets of any size."""

from __future__ import annotations

import io

import numpy as np
import pytest
import torch
import torch.nn.functional as F
from PIL import Image

from episodes import ImageSet, audit, without_leaks
from episodes import near_duplicates as module
from episodes.near_duplicates import hash_bits, near_copies


def pictures(count: int, channels: int, seed: int, size: int = 48) -> ImageSet:
    """Smooth random pictures with some detail, as photographs are."""
    generator = torch.Generator().manual_seed(seed)
    coarse = F.interpolate(torch.rand(count, channels, 5, 5, generator=generator), size=size, mode="bicubic")
    fine = F.interpolate(torch.rand(count, channels, 16, 16, generator=generator), size=size, mode="bilinear")
    images = (255 * (0.75 * coarse + 0.25 * fine)).clamp(0, 255).round().to(torch.uint8)
    return ImageSet(images, name=f"pictures {seed}")


def through(image: torch.Tensor, change: str) -> torch.Tensor:
    pixels = image.permute(1, 2, 0).numpy()
    picture = Image.fromarray(pixels[..., 0] if pixels.shape[2] == 1 else pixels)
    side = picture.size
    if "mirrored" in change:
        picture = picture.transpose(Image.Transpose.FLIP_LEFT_RIGHT)
    if "upside down" in change:
        picture = picture.transpose(Image.Transpose.FLIP_TOP_BOTTOM)
    if "smaller" in change:
        picture = picture.resize((30, 30), Image.Resampling.BILINEAR).resize(side, Image.Resampling.BICUBIC)
    if "larger" in change:
        picture = picture.resize((101, 101), Image.Resampling.BICUBIC).resize(side, Image.Resampling.BILINEAR)
    if "jpeg" in change:
        data = io.BytesIO()
        picture.save(data, "JPEG", quality=75)
        picture = Image.open(io.BytesIO(data.getvalue()))
    changed = np.asarray(picture)
    return torch.from_numpy(changed.reshape(*side, -1).copy()).permute(2, 0, 1)


@pytest.mark.parametrize("all_pairs", [True, False])
@pytest.mark.parametrize("channels", [1, 3])
@pytest.mark.parametrize(
    "change", ["jpeg", "smaller", "larger", "mirrored", "upside down", "mirrored upside down, jpeg"]
)
def test_copies_are_found_and_nothing_else(
    change: str, channels: int, all_pairs: bool, monkeypatch: pytest.MonkeyPatch
) -> None:
    if not all_pairs:
        monkeypatch.setattr(module, "ALL_PAIRS", 0)
    source = pictures(300, channels, 0)
    own = pictures(200, channels, 1)
    copied = torch.arange(0, 300, 3)
    copies = torch.stack([through(source.images[i], change) for i in copied.tolist()])
    target = ImageSet(torch.cat([own.images, copies]), name="target")
    found = near_copies(source, target)
    assert bool((found.target >= 200).all())  # no other image
    assert torch.equal(found.source, copied[found.target - 200])
    assert len(found.target) >= (98 if all_pairs else 90)


def test_the_audit_tells_exact_and_near_copies_apart() -> None:
    source = pictures(60, 3, 0)
    near = torch.stack([through(source.images[i], "jpeg") for i in range(10)])
    target = ImageSet(torch.cat([pictures(20, 3, 1).images, source.images[50:], near]), name="target")
    report = audit(source, target)
    assert report.shared_images.tolist() == list(range(20, 40))
    assert report.near_images.tolist() == list(range(30, 40))
    assert report.near_sources.tolist() == list(range(10))
    assert "20 images in common, 10 of them near copies" in report.lines()[0]
    assert len(without_leaks(target, report)) == 20
    assert audit(source, target, near=False).shared_images.tolist() == list(range(20, 30))


@pytest.mark.parametrize(
    ("ours", "theirs", "shared"),
    [
        (("Cat", "Tree", "Car"), ("cat", "tree", "car "), ("Car", "Cat", "Tree")),
        (("traffic_light", "T-shirt"), ("Traffic Light", "t shirt"), ("T-shirt", "traffic_light")),
        (("café", "+", "a b"), ("CAFE\u0301", "-", "ab"), ("a b", "café")),
        (("cats",), ("cat",), ()),
    ],
)
def test_class_names_without_case_and_punctuation(
    ours: tuple[str, ...], theirs: tuple[str, ...], shared: tuple[str, ...]
) -> None:
    def named(names: tuple[str, ...], seed: int) -> ImageSet:
        return ImageSet(pictures(len(names), 1, seed).images, torch.arange(len(names)), names)

    assert audit(named(ours, 0), named(theirs, 1)).shared_classes == shared


def test_images_without_content_and_small_ones_are_no_copies() -> None:
    flat = ImageSet(torch.arange(40, dtype=torch.uint8).view(-1, 1, 1, 1).expand(-1, 3, 32, 32).contiguous())
    assert not len(near_copies(flat, flat).target)
    small = pictures(20, 3, 0, size=12)
    assert not len(near_copies(small, small).target)


def test_chunks_find_all_close_hashes(monkeypatch: pytest.MonkeyPatch) -> None:
    rng = np.random.default_rng(0)
    ours = rng.integers(1, 2**63, 400, dtype=np.uint64)
    theirs = rng.integers(1, 2**63, 300, dtype=np.uint64)
    for i in range(100):  # with 0 to 9 bits changed
        bits = rng.choice(63, i % 10, replace=False)
        theirs[i] = ours[i] ^ np.uint64(sum(1 << int(b) for b in bits))
    monkeypatch.setattr(module, "_PAIRS", 64)
    row, mate = module._close(ours, theirs)
    apart = np.array([[bin(int(a) ^ int(b)).count("1") for a in ours] for b in theirs])
    assert row.tolist() == np.flatnonzero(apart.min(1) <= module.MAX_BITS).tolist()
    assert (apart[row, mate] == apart.min(1)[row]).all()


def test_hash_bits_against_a_loop() -> None:
    gray = pictures(5, 1, 3, size=32).images[:, 0].double()
    n = torch.arange(32) + 0.5
    for image, bits in zip(gray, hash_bits(gray.float()), strict=True):
        low = [[float((image * torch.outer(torch.cos(torch.pi / 32 * u * n), torch.cos(torch.pi / 32 * v * n))).sum())
                for v in range(8)] for u in range(8)]  # fmt: skip
        assert bits.tolist() == (np.array(low).ravel() > np.median(low)).tolist()
