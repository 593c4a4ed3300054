"""`metaclr predict` on the folders of stored episodes has the evaluator's accuracy on each of them."""

from __future__ import annotations

import csv
import io
import os
from pathlib import Path

import pytest
import torch
from click.testing import CliRunner
from PIL import Image

import metaclr
from episodes import EpisodeTable, ImageSet, TaskShape, sample_table
from metaclr.cli import cli
from metaclr.data import load
from metaclr.evaluation.few_shot import few_shot
from metaclr.networks import build_encoder
from metaclr.networks.saved_encoder import EncoderDescription, save_encoder

REAL = Path(os.environ.get("METACLR_DATA", "")) / "cifar100.npz"
EPISODES = 3


def encoder_folder(folder: Path, channels: int, size: int) -> Path:
    """A Conv-4 whose batch norms have statistics of noise, saved as `metaclr train` does."""
    net = build_encoder("conv4", channels, size, seed=0, width=16)
    net.train()(torch.rand(32, channels, size, size, generator=torch.Generator().manual_seed(1)))
    folder.mkdir()
    save_encoder(net, EncoderDescription(name="conv4", options={"width": 16}, channels=channels, size=size), folder)
    return folder


def write(images: ImageSet, rows: torch.Tensor, folder: Path) -> None:
    """PNG files of some images in folders of their classes."""
    labels = images.required_labels()
    for row in rows.flatten().tolist():
        pixels = images.images[row : row + 1][0].numpy()
        path = folder / f"class {int(labels[row])}" / f"{row}.png"
        path.parent.mkdir(parents=True, exist_ok=True)
        Image.fromarray(pixels[0] if len(pixels) == 1 else pixels.transpose(1, 2, 0)).save(path)


def agreement(images: ImageSet, table: EpisodeTable, run: Path, head: str, folder: Path) -> None:
    """The command's accuracy on every episode against that of the evaluator."""
    rows = metaclr.load(run).embed(images)
    (measured,) = few_shot(rows, table, images.required_labels(), target="t", head=head)
    assert measured.per_item is not None
    expected = measured.per_item.tolist()
    assert 0.25 < sum(expected) / len(expected) < 0.99, "an accuracy that says something"
    for episode in range(len(table)):
        place = folder / str(episode)
        write(images, table.support[episode], place / "support")
        write(images, table.query[episode], place / "query")
        words = ["predict", str(run), "--support", str(place / "support"), "--images", str(place / "query")]
        found = CliRunner().invoke(cli, [*words, "--head", head])
        assert found.exit_code == 0, found.exception
        lines = list(csv.DictReader(io.StringIO(found.stdout)))
        share = sum(Path(line["file"]).parent.name == line["class"] for line in lines) / len(lines)
        assert share == pytest.approx(expected[episode], abs=1e-6)
        assert f"accuracy by the names of their folders: {100 * share:.1f} % of {len(lines)} images" in found.stderr


@pytest.mark.parametrize("head", ["cosine", "logistic"])
def test_held_out_glyphs(tmp_path: Path, head: str) -> None:
    images = load("glyphs:held-out", announce=False)
    table = sample_table(images, TaskShape(way=5, shot=3, query=5), EPISODES, seed=4)
    agreement(images, table, encoder_folder(tmp_path / "run", 1, 28), head, tmp_path)


@pytest.mark.skipif(not REAL.is_file(), reason="cifar100.npz is not in METACLR_DATA")
@pytest.mark.parametrize("head", ["cosine", "ridge"])
def test_cifar_fs_folders(tmp_path: Path, head: str) -> None:
    every = load("cifar_fs:test", announce=False)
    labels = every.required_labels()
    images = every.select((labels < 6).nonzero().flatten().tolist()).with_at_least(11)
    table = sample_table(images, TaskShape(way=5, shot=5, query=6), EPISODES, seed=4)
    agreement(images, table, encoder_folder(tmp_path / "run", 3, 32), head, tmp_path)
