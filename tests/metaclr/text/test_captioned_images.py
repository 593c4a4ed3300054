"""Images with captions in a .csv file: read, trained on, classified by names and retrieved, against loops."""

from __future__ import annotations

from pathlib import Path

import numpy as np
import pytest
import torch
from PIL import Image

import metaclr
from episodes import ImageSet, TaskShape
from metaclr.comparison.runs.naming import runs_of
from metaclr.comparison.runs.training import build_learner
from metaclr.data import load
from metaclr.errors import UserError
from metaclr.evaluation import Target, transfer
from metaclr.evaluation.pairing import Pairing
from metaclr.positives.group import Group
from metaclr.positives.pair import Pair, PairSampler
from metaclr.recipe import resolve
from metaclr.text import Vocabulary, build_text_encoder, caption_lines
from tests.metaclr.comparison import small

COLORS = {"red": (200, 20, 20), "green": (20, 200, 20), "blue": (20, 20, 200)}


def write(root: Path, count: int = 24, header: str = "file,caption", lines: int = 1) -> Path:
    """Squares of a color on the left or the right; the captions say so, `lines` of each image."""
    separator, rows = "|" if "|" in header else ",", [header]
    (root / "images").mkdir(parents=True)
    for i in range(count):
        color, left = list(COLORS)[i % 3], i % 2 == 0
        pixels = np.random.default_rng(i).integers(0, 60, (16, 16, 3), dtype=np.uint8)
        pixels[4:12, (1 if left else 9) : (7 if left else 15)] = COLORS[color]
        Image.fromarray(pixels).save(root / "images" / f"{i}.png")
        where = "left" if left else "right"
        texts = [f"a {color} square on the {where}", f"{where}, {color}"][:lines]
        rows += [f'{i}.png{separator}"{text}"' for text in texts]
    (root / "captions.txt").write_text("\n".join(rows))
    return root


def test_a_folder_with_captions(tmp_path: Path) -> None:
    found = load(str(write(tmp_path / "one")), size=16)
    assert found.labels is None
    texts = dict(zip(found.files, found.attributes["caption"], strict=True))
    assert texts["images/4.png"] == "a green square on the left"
    both = load(str(write(tmp_path / "two", header="image_name|comment", lines=2).rename(tmp_path / "2")), size=16)
    assert both.labels is None
    assert caption_lines(both)[0] == ("a red square on the left", "left, red")
    assert len(set(Pair().labelled(both).required_labels().tolist())) == 6


def test_classes_by_folders_and_captions_by_a_list(tmp_path: Path) -> None:
    root = write(tmp_path)
    for i in range(24):
        (root / list(COLORS)[i % 3]).mkdir(exist_ok=True)
        (root / "images" / f"{i}.png").rename(root / list(COLORS)[i % 3] / f"{i}.png")
    (root / "images").rmdir()
    found = load(str(root), size=16)
    assert found.class_names == ("blue", "green", "red")
    words = [text.split()[1] for text in found.attributes["caption"]]
    assert words == [found.class_names[i] for i in found.required_labels().tolist()]
    lines = ["file,label,drawer,caption", *(f"{i}.png,{'xy'[i % 2]},d{i % 4},text {i}" for i in range(24))]
    (root / "captions.txt").unlink()
    (root / "labels.csv").write_text("\n".join(lines))
    listed = load(str(root / "labels.csv"), size=16)
    assert listed.class_names == ("x", "y")
    groups = Group().labelled(listed)
    assert groups.class_names == ("d0", "d1", "d2", "d3")
    number = {Path(file).stem: f"d{int(Path(file).stem) % 4}" for file in listed.files}
    assert [number[Path(f).stem] for f in listed.files] == list(listed.attributes["drawer"])


def test_arrays_have_captions_and_groups_too(tmp_path: Path) -> None:
    pixels = np.random.default_rng(0).integers(0, 255, (8, 6, 6), dtype=np.uint8)
    np.savez(
        tmp_path / "a.npz", images=pixels, labels=np.arange(8) % 2, drawer=np.arange(8) % 4,
        caption=np.array([f"text {i}" for i in range(8)]), number=np.arange(8), features=np.zeros((8, 3)),
    )  # fmt: skip
    found = load(str(tmp_path / "a.npz"))
    assert found.attributes == {"caption": tuple(f"text {i}" for i in range(8)), "drawer": tuple("01230123")}
    assert any("features, number are not read" in note for note in found.notes)
    assert Group().labelled(found).class_names == ("0", "1", "2", "3")


def test_any_caption_of_an_image_stands_for_it(tmp_path: Path) -> None:
    images = load(str(write(tmp_path, lines=2)), size=16)
    recipe = resolve({}, ["size=16", "channels=3", "encoder.options={width=8}", "methods=clip(positives=pair)"])
    learner = build_learner(runs_of(recipe)[0], recipe, images)
    seen: dict[int, set[tuple[int, ...]]] = {}
    learner.text.register_forward_pre_hook(lambda _, rows: given.append(rows[0]))  # type: ignore[union-attr, operator]
    draw = PairSampler(Pair().labelled(images), TaskShape(6, 1, 1), seed=0)
    for step in range(12):
        given: list[torch.Tensor] = []
        episode = draw(step)
        with torch.no_grad():
            learner(torch.rand(1, 6, 2, 3, 16, 16), episode)
        for image, row in zip(episode.images[0, :, 0].tolist(), given[0].tolist(), strict=True):
            seen.setdefault(image, set()).add(tuple(row))
    words = Vocabulary.of(text for lines in caption_lines(images) for text in lines)
    for image, rows in seen.items():
        assert rows <= {tuple(row) for row in words.encode(caption_lines(images)[image]).tolist()}
    assert sum(len(rows) == 2 for rows in seen.values()) > 6


def test_retrieval_of_images_with_several_captions_by_a_loop(tmp_path: Path) -> None:
    images = load(str(write(tmp_path, lines=2)), size=16)
    words = Vocabulary.of(text for lines in caption_lines(images) for text in lines)
    flat = torch.nn.Flatten()
    pairing = Pairing(torch.nn.Linear(768, 8), build_text_encoder("bag", len(words), words.length, 8), words)
    rows = transfer(flat, Target("captioned", images), ["retrieval", "knn", "zero-shot"], pairing=pairing)
    found = {row.evaluator: row.value for row in rows}
    assert len(found) == 6
    texts = sorted({text for lines in caption_lines(images) for text in lines})
    image = pairing.images(images.images.float().flatten(1) / 255)
    scores = (image @ pairing.texts(texts).T).tolist()
    for k in (1, 5, 10):
        hits = [
            any(texts[j] in lines for j in sorted(range(12), key=lambda j: -scores[i][j])[:k])
            for i, lines in enumerate(caption_lines(images))
        ]
        assert found[f"retrieval of text R@{k}"] == pytest.approx(100 * sum(hits) / 24)
        hits = [
            any(text in caption_lines(images)[i] for i in sorted(range(24), key=lambda i: -scores[i][j])[:k])
            for j, text in enumerate(texts)
        ]
        assert found[f"retrieval of image R@{k}"] == pytest.approx(100 * sum(hits) / 12)


def test_a_comparison_trains_on_captions_and_retrieves(tmp_path: Path) -> None:
    write(tmp_path / "train", 48)
    write(tmp_path / "test", 24)
    found = metaclr.compare(
        methods=["clip(positives=pair)"], sources=[str(tmp_path / "train")], targets=[str(tmp_path / "test")],
        steps=40, out=tmp_path / "out", device="cpu", quiet=True,
        overrides=["size=16", "encoder.options={width=8}", "train.batch_views=12", "views=identity", "train.lr=0.01",
                   "evaluate.more={retrieval={}, zero-shot={}}"],
    )  # fmt: skip
    assert not found.failures
    values = found.rows[found.rows.method.str.startswith("clip")].set_index("evaluator").value
    assert values["retrieval of text R@1"] > 40  # of 6 texts: chance is 17
    assert "zero-shot" not in values.index
    assert (tmp_path / "out" / "report.html").is_file()


def test_what_is_missing_is_refused(tmp_path: Path) -> None:
    images = small.stripes().unlabelled()
    with pytest.raises(UserError, match="captions are a column 'caption'"):
        Pair().labelled(images)
    root = write(tmp_path, 4)
    Image.new("RGB", (16, 16)).save(root / "images" / "more.png")
    with (root / "captions.txt").open("a") as file:
        file.write("\nmore.png,")
    with pytest.raises(UserError, match=r"1 of 5 images have no caption, first images/more\.png"):
        Pair().labelled(load(str(root), size=16))
    with pytest.raises(UserError, match="no labels, so nothing can be measured"):
        Target("bare", images)
    with pytest.raises(UserError, match="1 of 4 images have no drawer"):
        Group("drawer").labelled(ImageSet(torch.zeros(4, 1, 4, 4).byte(), attributes={"drawer": ("a", "b", "", "a")}))
