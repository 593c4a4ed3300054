"""Prediction from a support folder: the command a user types, and agreement with the evaluator on stored episodes."""

import csv
import json
from io import StringIO
from pathlib import Path

import numpy as np
import pandas as pd
import pytest
import torch
from click.testing import CliRunner
from PIL import Image
from torch import nn

import metaclr
from episodes import ImageSet
from metaclr.cli import cli
from metaclr.errors import UserError
from metaclr.evaluation.features import features
from metaclr.heads import get_head
from metaclr.inference import TrainedEncoder
from metaclr.networks import build_encoder
from metaclr.networks.saved_encoder import EncoderDescription, save_encoder
from tests.metaclr.evaluation.evaluate_data import blobs

SIZE = 28


@pytest.fixture(scope="module")
def run(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A folder as `metaclr train` leaves it, with an untrained encoder."""
    folder = tmp_path_factory.mktemp("runs") / "train-simclr"
    folder.mkdir()
    description = EncoderDescription(name="conv4", options={"width": 16}, channels=1, size=SIZE)
    save_encoder(build_encoder("conv4", 1, SIZE, seed=0, width=16), description, folder)
    return folder


@pytest.fixture(scope="module")
def pictures() -> ImageSet:
    coarse = blobs(6, 12, size=4, noise=20)
    images = coarse.images[:].repeat_interleave(7, 2).repeat_interleave(7, 3)
    return ImageSet(images, coarse.labels, name="patterns")


@pytest.fixture(scope="module")
def folders(tmp_path_factory: pytest.TempPathFactory, pictures: ImageSet) -> tuple[Path, Path]:
    """Support of 5, 4, 3, 2 and 5 images of five classes; new images of these and of a sixth class, named by class."""
    root = tmp_path_factory.mktemp("pictures")
    support, new = root / "support", root / "new"
    new.mkdir()
    for i, (pixels, label) in enumerate(zip(pictures.images[:], pictures.required_labels().tolist(), strict=True)):
        place, picture = i % 12, Image.fromarray(pixels[0].numpy())
        if label < 5 and place < (5, 4, 3, 2, 5)[label]:
            (support / f"class{label}").mkdir(parents=True, exist_ok=True)
            picture.save(support / f"class{label}" / f"{place}.png")
        elif place >= 6:
            picture.save(new / f"{label}-{place}.png")
    return support, new


def predict(*arguments: object) -> tuple[int, str, str]:
    found = CliRunner().invoke(cli, ["predict", *map(str, arguments)])
    return found.exit_code, found.stdout, f"{found.stderr}{found.exception or ''}"


def test_a_user_classifies_new_images(run: Path, folders: tuple[Path, Path], tmp_path: Path) -> None:
    support, new = folders
    html = tmp_path / "page.html"
    known = sorted(path for path in new.iterdir() if not path.name.startswith("5"))
    code, out, err = predict(run, "--support", support, *known, "--html", html)
    assert code == 0, err
    rows = list(csv.DictReader(StringIO(out)))
    assert list(rows[0]) == ["file", "class", "probability", "nearest", "similarity"]
    assert [row["file"] for row in rows] == [str(path) for path in known]
    assert sum(row["class"] == f"class{Path(row['file']).name[0]}" for row in rows) >= 0.9 * len(rows)
    assert all((support / row["nearest"]).is_file() for row in rows)
    assert "5 classes of 2 to 5 images; left out one by one" in err
    page = html.read_text()
    assert page.count('<div class="card">') == len(known)
    assert "http" not in page.replace("http-equiv", "")


def test_a_folder_and_files_give_the_same(run: Path, folders: tuple[Path, Path]) -> None:
    support, new = folders
    one = predict(run, "--support", support, "--images", new)[1]
    other = predict(run, "--support", support, *sorted(new.iterdir()))[1]
    assert pd.read_csv(StringIO(one)).iloc[:, 1:].equals(pd.read_csv(StringIO(other)).iloc[:, 1:])


def test_none_of_these_rejects_the_class_that_is_not_in_the_support(run: Path, folders: tuple[Path, Path]) -> None:
    support, new = folders
    code, out, err = predict(run, "--support", support, "--images", new, "--none-of-these", "0.05")
    assert code == 0, err
    frame = pd.read_csv(StringIO(out))
    unknown = frame[frame.file.str.contains("5-")]
    known = frame[~frame.file.str.contains("5-")]
    rejected, wrongly = ((of["class"] == "none of these").mean() for of in (unknown, known))
    assert wrongly <= 0.35  # a support of 19 images promises 5 % on average only
    assert rejected >= wrongly + 0.4


@pytest.mark.parametrize("head", ["cosine", "nearest", "ridge", "logistic", "svm", "lda"])
def test_predictions_are_the_evaluators(run: Path, pictures: ImageSet, head: str) -> None:
    """On the images of an episode, the head gives the same logits as `few_shot` computes by the same function."""
    encoder = metaclr.load(run)
    support = pictures.select([12 * n + k for n in range(6) for k in range(5)])
    query = pictures.select([12 * n + k for n in range(6) for k in range(5, 12)])
    found = encoder.classify(support, head=head).predict(query)
    rows = features(encoder.net, pictures)
    transformed, own = get_head(head).prepare(rows)
    grid = transformed.view(6, 12, -1)
    logits = own.fit(grid[:, :5].unsqueeze(0)).logits(grid[:, 5:].reshape(1, 42, -1))[0]
    assert found.labels.tolist() == logits.argmax(1).tolist()
    assert found.probability.sum(1).allclose(torch.ones(42, dtype=torch.float64))


def test_an_encoder_takes_images_as_people_have_them(run: Path, pictures: ImageSet, folders: tuple[Path, Path]) -> None:
    encoder = metaclr.load(run)
    assert isinstance(encoder, nn.Module)
    assert not encoder.train().training, "batch norm must keep its running statistics"
    pixels = pictures.images[:3]
    expected = encoder(pixels.float() / 255)
    for given in (
        pixels,
        pixels.float() / 255,
        [Image.fromarray(p[0].numpy()) for p in pixels],
        pictures.select([0, 1, 2]),
    ):
        torch.testing.assert_close(encoder.embed(given), expected)
    file = sorted((folders[0] / "class0").iterdir())[0]
    one = encoder.transform(file)
    assert one.shape == (1, SIZE, SIZE)
    torch.testing.assert_close(encoder(one[None]), encoder.embed([file]))
    torch.testing.assert_close(encoder.transform(np.asarray(Image.open(file))), one)
    with pytest.raises(UserError, match=r"values outside of \[0, 1\]"):
        encoder.embed(pixels.float())
    with pytest.raises(UserError, match="no such file"):
        encoder.embed([folders[0] / "nothing.png"])


def test_embeddings_carry_files_and_classes(run: Path, folders: tuple[Path, Path], tmp_path: Path) -> None:
    out = tmp_path / "e.npz"
    found = CliRunner().invoke(cli, ["embed", str(run), str(folders[0]), "--out", str(out)])
    assert found.exit_code == 0, found.output
    with np.load(out) as stored:
        names = stored["class_names"][stored["labels"]]
        assert [Path(file).parent.name for file in stored["files"]] == names.tolist()
        expected = metaclr.load(run).embed([folders[0] / file for file in stored["files"]])
        np.testing.assert_allclose(stored["features"], expected.numpy(), rtol=1e-5, atol=1e-6)
    wrong = CliRunner().invoke(cli, ["embed", str(run), str(folders[0]), "--out", str(tmp_path / "e.txt")])
    assert "must end in .npz or .parquet" in str(wrong.exception)


def test_what_does_not_fit_is_refused_in_one_line(run: Path, folders: tuple[Path, Path], tmp_path: Path) -> None:
    support, new = folders
    (tmp_path / "flat").mkdir()
    Image.new("L", (8, 8)).save(tmp_path / "flat" / "a.png")
    for arguments, message in (
        ((run, "--support", support), "name files or a folder"),
        ((run, "--support", tmp_path / "none", new), "none"),
        ((run, "--support", tmp_path / "flat", new), "put the images of each class into a folder"),
        ((run, "--support", support, tmp_path / "x.png"), "x.png"),
        ((run, "--support", support, new, "--head", "cosin"), "did you mean 'cosine'"),
        ((run, "--support", support, new, "--head", "calibrated"), "name another head"),
        ((run, "--support", support, new, "--none-of-these", "5"), "above 0 and below 1"),
        ((tmp_path / "flat", "--support", support, new), "no encoder.safetensors in it"),
    ):
        code, _, err = predict(*arguments)
        assert code != 0
        assert message in err
        assert "Traceback" not in err


def test_encoders_from_elsewhere(folders: tuple[Path, Path], tmp_path: Path) -> None:
    """A function, and a file of weights with its architecture, give the same predictions; loading runs no function."""
    support, new = folders
    (tmp_path / "mine.py").write_text(
        "from metaclr.networks import build_encoder\ndef build():\n    return build_encoder('conv4', 1, 28, seed=0)\n"
    )
    torch.save(build_encoder("conv4", 1, SIZE, seed=0).state_dict(), tmp_path / "weights.pth")
    common = ("--support", support, "--images", new, "--fit", "pad")
    function = predict(f"{tmp_path / 'mine.py'}:build", *common)
    weights = predict(tmp_path / "weights.pth", "--arch", "conv4", "--size", SIZE, *common)
    assert function[0] == weights[0] == 0, weights[2]
    assert function[1] == weights[1]
    assert function[1].count("\n") == 37
    code, _, err = predict(tmp_path / "weights.pth", *common)
    assert code != 0
    assert "--arch" in err
    with pytest.raises(UserError, match="loading executes no code"):
        metaclr.load(f"{tmp_path / 'mine.py'}:build")
    code, _, err = predict("timm:resnet_99", *common)
    assert code != 0
    assert "timm" in err


def test_oblong_images_are_cut_or_bordered(run: Path, tmp_path: Path) -> None:
    wide = Image.new("L", (SIZE * 2, SIZE))
    wide.paste(255, (SIZE // 2, 0, SIZE // 2 + SIZE, SIZE))  # the center square is white, its sides are black
    wide.save(tmp_path / "wide.png")
    crop, pad = (metaclr.load(run, fit=fit).images([tmp_path / "wide.png"]).images[0] for fit in ("crop", "pad"))
    assert float(crop.float().mean()) == 255
    assert float(pad.float().mean()) == pytest.approx(255 / 4, abs=6)


def test_a_comparison_names_its_runs(run: Path, tmp_path: Path) -> None:
    for name in ("simclr-s0", "supcon-s0"):
        folder = tmp_path / "runs" / name
        folder.mkdir(parents=True)
        (folder / "encoder.safetensors").write_bytes((run / "encoder.safetensors").read_bytes())
    with pytest.raises(UserError, match=r"a comparison of 2 runs; name one of them: .*simclr-s0, .*supcon-s0"):
        metaclr.load(tmp_path)
    assert isinstance(metaclr.load(tmp_path / "runs" / "simclr-s0"), TrainedEncoder)


def test_loading_executes_nothing(tmp_path: Path) -> None:
    (tmp_path / "encoder.safetensors").write_bytes(b"\x80\x04c__builtin__\neval\n" + json.dumps({}).encode())
    with pytest.raises(UserError, match="cannot be read as safetensors"):
        metaclr.load(tmp_path)
