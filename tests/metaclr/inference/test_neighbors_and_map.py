"""`metaclr neighbors` and `metaclr map`: the images that a loop finds, the axes of a singular value decomposition."""

from __future__ import annotations

import base64
import csv
import io
import json
import re
from pathlib import Path

import numpy as np
import pytest
import torch
import torch.nn.functional as F
from click.testing import CliRunner
from PIL import Image

import metaclr
from episodes import ImageSet
from metaclr.cli import cli
from metaclr.data import load
from metaclr.errors import UserError
from metaclr.inference.neighbors import find_neighbors
from metaclr.inference.projection import project
from metaclr.networks import build_encoder
from metaclr.networks.saved_encoder import EncoderDescription, save_encoder

K = 3


@pytest.fixture(scope="module")
def run(tmp_path_factory: pytest.TempPathFactory) -> Path:
    folder = tmp_path_factory.mktemp("runs") / "mine"
    folder.mkdir()
    description = EncoderDescription(name="conv4", options={"width": 16}, channels=1, size=16)
    save_encoder(build_encoder("conv4", 1, 16, seed=0, width=16), description, folder)
    return folder


@pytest.fixture(scope="module")
def photos(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """Three classes of noise around a picture each, one of them with a name that a page must escape."""
    root, rng = tmp_path_factory.mktemp("photos"), np.random.default_rng(0)
    for name in ("a", "b", "<c> & d"):
        picture = rng.integers(0, 256, (4, 4)).repeat(4, 0).repeat(4, 1)
        (root / name).mkdir()
        for i in range(7):
            noisy = np.clip(picture + rng.normal(0, 25, (16, 16)), 0, 255).astype(np.uint8)
            Image.fromarray(noisy).save(root / name / f"{i}.png")
    return root


def invoke(*words: object) -> tuple[str, str]:
    found = CliRunner().invoke(cli, [*map(str, words)])
    assert found.exit_code == 0, found.exception
    return found.stdout, found.stderr


def test_neighbors_are_those_of_a_loop(run: Path, photos: Path) -> None:
    out, err = invoke("neighbors", run, photos, "--k", K, "--count", 6)
    encoder, images = metaclr.load(run), load(str(photos), size=16, channels=1)
    rows = F.normalize(encoder.embed(images), dim=-1)
    lines = list(csv.DictReader(io.StringIO(out)))
    assert len(lines) == 6 * K
    assert [line["query_class"] for line in lines[::K]] == 2 * sorted(["a", "b", "<c> & d"]), "classes in turn"
    for line, *more in zip(lines[::K], lines[1::K], lines[2::K], strict=True):
        query = images.files.index(line["query"])
        cosines = {i: float(rows[i] @ rows[query]) for i in range(len(rows)) if i != query}
        expected = sorted(cosines, key=lambda i: -cosines[i])[:K]
        assert [one["neighbor"] for one in (line, *more)] == [images.files[i] for i in expected]
        assert float(line["similarity"]) == pytest.approx(cosines[expected[0]], abs=1e-4)
        assert [one["rank"] for one in (line, *more)] == ["1", "2", "3"]
    same = sum(line["query_class"] == line["neighbor_class"] for line in lines)
    assert f"{100 * same / len(lines):.1f} % of the neighbors" in err


def test_queries_from_files_and_a_page(run: Path, photos: Path, tmp_path: Path) -> None:
    page, files = tmp_path / "page.html", [photos / "a" / "0.png", photos / "b" / "3.png"]
    invoke("neighbors", run, photos, "--query", files[0], "--query", files[1], "--k", 2, "--html", page,
           "--out", tmp_path / "n.csv")  # fmt: skip
    lines = list(csv.DictReader((tmp_path / "n.csv").open()))
    assert [line["query"] for line in lines[::2]] == [str(file) for file in files]
    assert [line["neighbor"] for line in lines[::2]] == ["a/0.png", "b/3.png"], "an image of the set is its own nearest"
    text = page.read_text()
    assert text.count("<figure") == 2 * 3
    assert "http" not in text
    assert "<c>" not in text


def test_map_draws_every_image_with_its_picture(run: Path, photos: Path, tmp_path: Path) -> None:
    page = tmp_path / "map.html"
    out, _ = invoke("map", run, photos, "--out", page)
    assert "21 images, two principal components" in out
    text = page.read_text()
    data = json.loads(re.search(r"const data = (.*);\n", text)[1])  # type: ignore[index]
    encoder, images = metaclr.load(run), load(str(photos), size=16, channels=1)
    assert data["files"] == list(images.files)
    assert [point[2] for point in data["points"]] == images.required_labels().tolist()
    points = project(encoder.embed(images)).points
    drawn = np.array([point[:2] for point in data["points"]]) * [1, -1]  # the vertical axis of a screen points down
    wide = np.ptp(points, axis=0).max()
    np.testing.assert_allclose(drawn - drawn[0], (points - points[0]) / wide, atol=2e-4)
    uri = re.search(r'const sheet = "data:image/png;base64,([^"]+)"', text)
    atlas = np.asarray(Image.open(io.BytesIO(base64.b64decode(uri[1]))))  # type: ignore[index]
    side = data["side"]
    for i in (0, 13):
        found = atlas[:side, i * side : (i + 1) * side]
        shown = Image.fromarray(images.images[i : i + 1][0, 0].numpy()).resize((side, side), Image.Resampling.NEAREST)
        np.testing.assert_array_equal(found, np.asarray(shown))
    assert not re.search(r"https?://(?!www\.w3\.org/2000/svg)", text)
    assert "<c>" not in text
    small, _ = invoke("map", run, photos, "--out", page, "--limit", 10)
    assert "10 of 21 images" in small


def test_principal_components_are_those_of_the_decomposition() -> None:
    features = torch.randn(40, 7, generator=torch.Generator().manual_seed(0)) * torch.arange(1, 8)
    points = project(features).points
    centered = (features.double() - features.double().mean(0)).numpy()
    _, values, axes = np.linalg.svd(centered, full_matrices=False)
    np.testing.assert_allclose(np.abs(points), np.abs(centered @ axes[:2].T), rtol=1e-6, atol=1e-8)
    kept = (values[:2] ** 2).sum() / (values**2).sum()
    assert f"keep {100 * kept:.0f} %" in project(features).description
    np.testing.assert_allclose(project(-features).points, points * np.sign((points * project(-features).points).sum(0)))
    flat = project(torch.ones(5, 1)).points
    assert flat.shape == (5, 2)
    assert np.isfinite(flat).all()


def test_umap_keeps_neighborhoods() -> None:
    pytest.importorskip("umap")
    centers = torch.eye(3).repeat_interleave(20, 0)
    features = centers + 0.05 * torch.randn(60, 3, generator=torch.Generator().manual_seed(0))
    points = project(features, "umap", neighbors=10).points
    near = np.argsort(((points[:, None] - points[None]) ** 2).sum(-1), axis=1)[:, 1:6]
    assert (near // 20 == (np.arange(60) // 20)[:, None]).mean() > 0.95


def test_what_cannot_be_drawn_or_found(run: Path, photos: Path) -> None:
    encoder = metaclr.load(run)
    few = ImageSet(torch.zeros(2, 1, 16, 16, dtype=torch.uint8), name="few")
    with pytest.raises(UserError, match="a map of 2 images: at least 3"):
        project(encoder.embed(few))
    with pytest.raises(UserError, match="--k 8: from 1 to 1, the other images of few"):
        find_neighbors(encoder, few, k=8)
    with pytest.raises(UserError, match="unknown map 'tsne'"):
        project(encoder.embed(load(str(photos), size=16, channels=1)), "tsne")
