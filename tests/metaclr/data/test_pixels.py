"""Depth, range, frames, shapes and sizes of image files: never black, clipped or cut without a word."""

from __future__ import annotations

import struct
import zlib
from pathlib import Path

import numpy as np
import pytest
import torch
from PIL import Image, ImageCms, features

from metaclr.data import load
from metaclr.data.pixels.deep_pixels import DeepValues, deep_array, range_of
from metaclr.errors import UserError
from tests.metaclr.data.folder_trees import picture

RNG = np.random.default_rng(0)


def png16(path: Path, pixels: np.ndarray) -> None:
    """A 16-bit .png of color, with or without alpha, or gray with alpha, which Pillow does not write."""
    height, width, channels = pixels.shape
    rows = b"".join(b"\0" + row.astype(">u2").tobytes() for row in pixels)
    header = struct.pack(">IIBBBBB", width, height, 16, {2: 4, 3: 2, 4: 6}[channels], 0, 0, 0)
    chunks = ((b"IHDR", header), (b"IDAT", zlib.compress(rows)), (b"IEND", b""))
    packed = [struct.pack(">I", len(d)) + t + d + struct.pack(">I", zlib.crc32(t + d)) for t, d in chunks]
    path.parent.mkdir(parents=True, exist_ok=True)
    path.write_bytes(b"\x89PNG\r\n\x1a\n" + b"".join(packed))


def tiff16(path: Path, pixels: np.ndarray, compression: int) -> None:
    """A 16-bit color .tif, little-endian."""
    height, width, _ = pixels.shape
    data = pixels.astype("<u2").tobytes()
    data = zlib.compress(data) if compression == 8 else data
    bits = 8 + 2 + 12 * 10 + 4
    tags = [(256, width), (257, height), (258, bits), (259, compression), (262, 2), (273, bits + 6), (277, 3),
            (278, height), (279, len(data)), (284, 1)]  # fmt: skip
    entries = b"".join(struct.pack("<HHII", tag, 3 if tag == 258 else 4, 3 if tag == 258 else 1, v) for tag, v in tags)
    path.write_bytes(b"II*\0" + struct.pack("<IH", 8, 10) + entries + struct.pack("<IHHH", 0, 16, 16, 16) + data)


@pytest.mark.parametrize("channels", [2, 3, 4])
def test_sixteen_bits_of_color_are_read_whole(tmp_path: Path, channels: int) -> None:
    pixels = RNG.integers(0, 4096, (9, 7, channels))
    png16(tmp_path / "a.png", pixels)
    with Image.open(tmp_path / "a.png") as image:
        assert np.array_equal(deep_array(image), pixels)


@pytest.mark.parametrize("compression", [1, 8])
def test_sixteen_bits_of_color_in_a_tiff(tmp_path: Path, compression: int) -> None:
    pixels = RNG.integers(0, 4096, (9, 7, 3))
    tiff16(tmp_path / "a.tif", pixels, compression)
    with Image.open(tmp_path / "a.tif") as image:
        assert np.array_equal(deep_array(image), pixels)


@pytest.mark.parametrize("bits", [8, 10, 12, 14, 16])
@pytest.mark.parametrize("color", [False, True])
def test_any_depth_looks_like_eight_bits(tmp_path: Path, bits: int, color: bool) -> None:
    for i in range(6):
        eight = RNG.integers(0, 256, (8, 8, 3) if color else (8, 8))
        eight[0, 0] = 255
        deep = (eight / 255 * (2**bits - 1)).round().astype(np.uint16)
        folder = tmp_path / "deep" / "ab"[i % 2]
        folder.mkdir(parents=True, exist_ok=True)
        (tmp_path / "plain" / "ab"[i % 2]).mkdir(parents=True, exist_ok=True)
        Image.fromarray(eight.astype(np.uint8)).save(tmp_path / "plain" / "ab"[i % 2] / f"{i}.png")
        png16(folder / f"{i}.png", deep) if color else Image.fromarray(deep).save(folder / f"{i}.png")
    deep_set, plain = load(str(tmp_path / "deep"), size=8), load(str(tmp_path / "plain"), size=8)
    assert int((deep_set.images.int() - plain.images.int()).abs().max()) <= 1
    assert any(note.startswith(f"pixel range: 0 to {2**bits - 1} becomes") for note in deep_set.notes)
    given = load(str(tmp_path / "deep"), size=8, pixel_range=(0, 2 * (2**bits - 1)))
    assert int((given.images.int() * 2 - plain.images.int()).abs().max()) <= 2


def values(low: float, high: float, declared: float | None = None, *, is_float: bool = False) -> DeepValues:
    return DeepValues(low, high, high, declared, is_float)


@pytest.mark.parametrize(
    ("files", "expected"),
    [
        ([values(0, 3000), values(5, 200)], (0, 4095)),
        ([values(0, 255)], (0, 255)),
        ([values(0, 256)], (0, 511)),
        ([values(3, 900, 1023), values(0, 700, 1023)], (0, 1023)),
        ([values(3, 900, 65535)], (0, 1023)),  # declared, but never used
        ([values(-1000, 3000)], (-1000, 3000)),
        ([values(30000, 31000)], (30000, 31000)),
        ([values(0, 0.9, is_float=True)], (0, 1)),
        ([values(0, 200.5, is_float=True)], (0, 255)),
        ([values(0, 1e6, is_float=True)], (0, 1e6)),
        ([values(7, 7)], (0, 255)),
    ],
)
def test_the_range_of_a_set(files: list[DeepValues], expected: tuple[float, float]) -> None:
    assert range_of(files)[0] == expected


@pytest.mark.parametrize("kind", ["float", "negative", "int32"])
def test_float_and_signed_tiffs(tmp_path: Path, kind: str) -> None:
    base = RNG.random((2, 8, 8)).astype(np.float32)
    base[:, 0, 0], base[:, 0, 1] = 0, 1
    stored = {
        "float": base,
        "negative": (base * 4000 - 1000).astype(np.float32),
        "int32": (base * 65535).astype(np.int32),
    }
    for i, pixels in enumerate(stored[kind]):
        (tmp_path / "ab"[i]).mkdir()
        Image.fromarray(pixels).save(tmp_path / "ab"[i] / "0.tif")
    found = load(str(tmp_path), size=8, channels=1).images[:, 0].float() / 255
    assert float((found - torch.from_numpy(base)).abs().max()) < 0.003


def test_a_hot_pixel_is_noted(tmp_path: Path) -> None:
    for i in range(4):
        pixels = RNG.integers(0, 3000, (40, 40)).astype(np.uint16)
        pixels[0, 0] = 65535
        (tmp_path / "ab"[i % 2]).mkdir(exist_ok=True)
        Image.fromarray(pixels).save(tmp_path / "ab"[i % 2] / f"{i}.png")
    assert any("look nearly black" in note for note in load(str(tmp_path), size=8).notes)
    bright = load(str(tmp_path), size=8, pixel_range=(0, 3000))
    assert any("values outside of it" in note for note in bright.notes)
    assert int(bright.images.max()) > 150


def wide(root: Path, size: tuple[int, int] = (40, 10)) -> Path:
    """Pictures that are black but for the right edge."""
    for i in range(4):
        image = Image.new("RGB", size)
        image.paste((200, 90, 30), (size[0] - 6, 0, size[0], size[1]))
        path = root / "ab"[i % 2] / f"{i}.png"
        path.parent.mkdir(parents=True, exist_ok=True)
        image.save(path)
    return root


@pytest.mark.parametrize("npz", [False, True])
def test_oblong_images(tmp_path: Path, npz: bool) -> None:
    root = wide(tmp_path / "wide")
    if npz:
        pixels = np.stack([np.asarray(Image.open(p)) for p in sorted(root.rglob("*.png"))])
        np.savez(tmp_path / "wide.npz", images=pixels, labels=np.arange(4) % 2)
        root = tmp_path / "wide.npz"
    cut = load(str(root), size=10)
    assert int(cut.images.max()) == 0
    assert any("more than a fifth off 4 of 4 images (up to 75 %)" in note for note in cut.notes)
    if not npz:
        assert any("4 of 4 images are of one single color" in note for note in cut.notes)
    padded, stretched = load(str(root), size=10, fit="pad"), load(str(root), size=10, fit="stretch")
    assert int(padded.images[0, 0, 0].max()) == 0  # the border
    assert int(padded.images[0, 0, 5, 9]) > 100
    assert int(stretched.images[0, 0, :, 9].min()) > 100
    assert not any("fifth" in note for note in (*padded.notes, *stretched.notes))
    with pytest.raises(UserError, match="fit = 'squash' must be one of crop, pad, stretch"):
        load(str(root), size=10, fit="squash")  # type: ignore[arg-type]


def test_nearly_square_images_are_cropped_without_a_note(tmp_path: Path) -> None:
    assert not any(note.startswith("fit") for note in load(str(wide(tmp_path, (12, 10))), size=10).notes)


def test_pages_and_frames(tmp_path: Path) -> None:
    for c in "ab":
        (tmp_path / c).mkdir()
        first, *rest = [Image.fromarray(RNG.integers(0, 256, (8, 8, 3), dtype=np.uint8)) for _ in range(5)]
        for name in ("stack.tif", "moving.gif"):
            first.save(tmp_path / c / name, save_all=True, append_images=rest)
        picture(tmp_path / c / "still.png")
    found = load(str(tmp_path), size=8)
    assert len(found) == 6
    assert any("4 files hold 5 pages or frames; the first of each" in note for note in found.notes)
    every = load(str(tmp_path), size=8, frames="all")
    assert every.class_counts().tolist() == [11, 11]
    assert every.files[5:7] == ("a/stack.tif[0]", "a/stack.tif[1]") or "a/stack.tif[4]" in every.files
    stack = [i for i, file in enumerate(every.files) if file.startswith("a/stack.tif")]
    with Image.open(tmp_path / "a" / "stack.tif") as image:
        for frame, i in enumerate(stack):
            image.seek(frame)
            assert np.array_equal(every.images[i].permute(1, 2, 0).numpy(), np.asarray(image.convert("RGB")))


@pytest.mark.parametrize(
    "end", ["jfif", "jpe", "jp2", "avif", "webp", "tga", "ico", "pcx", "ppm", "dib", "PNG", "sgi", "qoi"]
)
def test_every_ending_that_pillow_reads(tmp_path: Path, end: str) -> None:
    codec = {"jp2": "jpg_2000", "avif": "avif", "webp": "webp"}.get(end)
    if codec and not features.check(codec):
        pytest.skip(f"this Pillow has no {codec}")
    image = Image.fromarray(np.full((32, 32, 3), (200, 100, 50), dtype=np.uint8))
    for c in "ab":
        (tmp_path / c).mkdir()
        image.save(tmp_path / c / f"x.{end}", format={"jfif": "JPEG", "jpe": "JPEG"}.get(end))
    found = load(str(tmp_path), size=32)
    assert len(found) == 2
    assert (found.images[0].float().mean((1, 2)) - torch.tensor([200.0, 100, 50])).abs().max() < 6


def test_too_large_images_are_refused_with_the_way_out(tmp_path: Path) -> None:
    picture(tmp_path / "a" / "slide.png", size=(60, 50))
    picture(tmp_path / "b" / "small.png")
    with pytest.raises(
        UserError, match=r"1 image is too large, first a/slide\.png \(60 x 50.*--max-pixels 3000"
    ) as caught:
        load(str(tmp_path), size=8, max_pixels=1000)
    assert "mend" not in str(caught.value)
    assert len(load(str(tmp_path), size=8, max_pixels=3000)) == 2
    picture(tmp_path / "a" / "other.png")
    skipped = load(str(tmp_path), size=8, max_pixels=1000, on_corrupt="skip")
    assert skipped.files == ("a/other.png", "b/small.png")
    assert any("too large" in note for note in skipped.notes)


def test_more_pixels_than_pillow_allows(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(Image, "MAX_IMAGE_PIXELS", 100)
    monkeypatch.setattr("metaclr.data.options.MAX_PIXELS", 200)
    picture(tmp_path / "a" / "slide.png", size=(60, 50))
    picture(tmp_path / "b" / "small.png")
    assert len(load(str(tmp_path), size=8, max_pixels=3000)) == 2
    assert Image.MAX_IMAGE_PIXELS == 100


def test_modes_in_one_folder(tmp_path: Path) -> None:
    base = Image.fromarray(RNG.integers(0, 256, (16, 16, 3), dtype=np.uint8))
    lab = ImageCms.profileToProfile(
        base, ImageCms.createProfile("sRGB"), ImageCms.createProfile("LAB"), outputMode="LAB"
    )
    modes = {"gray.png": base.convert("L"), "palette.gif": base.convert("P"), "cmyk.jpg": base.convert("CMYK")}
    modes |= {"bit.png": base.convert("1"), "alpha.png": base.convert("RGBA"), "lab.tif": lab}
    for c in "ab":
        (tmp_path / c).mkdir()
        for name, image in modes.items():
            image.save(tmp_path / c / name)
        sixteen = np.asarray(base.convert("L")).astype(np.uint16) * 257
        Image.fromarray(sixteen).save(tmp_path / c / "sixteen.png")
    found = load(str(tmp_path), size=16, channels=1)
    assert len(found) == 14
    assert bool((found.images.float().flatten(1).std(1) > 10).all())
    assert torch.equal(found.images[found.files.index("a/gray.png")], found.images[found.files.index("a/sixteen.png")])
