"""open_clip's towers against open_clip itself, with a tiny model of random weights; skipped where it is missing."""

from __future__ import annotations

import json
from functools import cache
from pathlib import Path
from tempfile import mkdtemp

import pytest
import torch

import metaclr
from episodes import ImageSet
from metaclr.data import adapt
from metaclr.diagnose import uniformity
from metaclr.errors import UserError
from metaclr.evaluation import Target
from metaclr.positives.pair import Pair
from tests.metaclr.comparison import small

NAME = "metaclr-tiny"
CONFIG = {
    "embed_dim": 16,
    "vision_cfg": {"image_size": 32, "layers": 1, "width": 32, "head_width": 16, "patch_size": 8},
    "text_cfg": {"context_length": 16, "vocab_size": 49408, "width": 32, "heads": 2, "layers": 1},
}


@cache
def weights() -> Path:
    """The file of a tiny model's random weights; its config is known to open_clip."""
    open_clip = pytest.importorskip("open_clip", reason="open_clip is not installed")
    folder = Path(mkdtemp())
    (folder / f"{NAME}.json").write_text(json.dumps(CONFIG))
    open_clip.add_model_config(folder)
    torch.manual_seed(0)
    torch.save(open_clip.create_model(NAME).state_dict(), folder / "weights.pt")
    return folder / "weights.pt"


def color_stripes(classes: int, each: int) -> ImageSet:
    return adapt(small.stripes(classes, each), size=32, channels=3)


def test_zero_shot_and_retrieval_are_open_clips() -> None:
    name = f"open_clip:{NAME}/{weights()}"
    import open_clip

    theirs = open_clip.create_model(NAME, pretrained=str(weights())).eval()
    tokenize = open_clip.get_tokenizer(NAME)
    images = color_stripes(5, 8)
    encoder = metaclr.pretrained(name)
    found = metaclr.evaluate(
        {"tiny": encoder}, {"stripes": images}, size=32, channels=3, device="cpu",
        overrides=["evaluate.few_shot=false", "evaluate.linear=false", "evaluate.knn=false", "evaluate.low_label=false",
                   "evaluate.more={zero-shot={templates=['a {}', '{} here']}, retrieval={}}"],
    ).rows.set_index("evaluator").value  # fmt: skip
    test = Target("stripes", images).test
    config = open_clip.get_model_preprocess_cfg(theirs)
    mean, std = (torch.tensor(config[key]).view(1, 3, 1, 1) for key in ("mean", "std"))
    with torch.no_grad():
        rows = theirs.encode_image((images.images[test].float() / 255 - mean) / std, normalize=True)
        names = [name.rpartition("/")[2].replace("_", " ") for name in images.class_names]
        classes = open_clip.build_zero_shot_classifier(theirs, tokenize, names, ["a {}", "{} here"])
        logits = 100 * rows @ classes
        own = torch.nn.functional.normalize(encoder(images.images[test].float() / 255), dim=1)
        torch.testing.assert_close(own, rows)
        texts = theirs.encode_text(tokenize(names), normalize=True)
    labels = images.required_labels()[test]
    expected = 100 * float((logits.argmax(1) == labels).float().mean())
    assert found["zero-shot"] == pytest.approx(expected)
    nearest = (texts @ rows.T).argmax(1)
    assert found["retrieval of image R@1"] == pytest.approx(
        100 * float((labels[nearest] == torch.arange(5)).float().mean())
    )


def test_both_towers_train_from_weights() -> None:
    name = f"open_clip:{NAME}/{weights()}"
    import open_clip

    start = open_clip.create_model(NAME, pretrained=str(weights()))
    images = color_stripes(8, 6)
    encoder = metaclr.train(
        "clip", images, settings={"positives": "pair", "pair.text": name}, steps=2, device="cpu", quiet=True,
        overrides=["size=32", "channels=3", f"encoder.name={name}", "encoder.options={}", "train.batch_views=12"],
    )  # fmt: skip
    before, after = start.visual.conv1.weight, encoder.net.conv1.weight  # type: ignore[union-attr]
    assert 0 < (before - after).abs().max() < 0.1


def test_what_it_does_not_take_is_refused() -> None:
    with pytest.raises(UserError, match="takes whole texts"):
        Pair(text="open_clip:ViT-B-32", drop=0.1)
    weights()
    with pytest.raises(UserError, match="did you mean 'open_clip:metaclr-tiny'"):
        metaclr.pretrained("open_clip:metaclr-tinyy/x")
    with pytest.raises(UserError, match="name its weights"):
        metaclr.pretrained("open_clip:ViT-B-32")
    with pytest.raises(UserError, match=r"cannot be made .*open_clip\.list_pretrained"):
        metaclr.pretrained(f"open_clip:{NAME}/missing.pt")


def test_how_to_get_it_is_said_where_it_is_missing(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setitem(__import__("sys").modules, "open_clip", None)
    with pytest.raises(UserError, match=r"needs open_clip.*pip install 'metaclr\[open_clip\]'") as error:
        metaclr.pretrained("open_clip:ViT-B-32/openai")
    assert "\n" not in str(error.value)


def test_diagnose_measures_the_image_tower(tmp_path: Path) -> None:
    name = f"open_clip:{NAME}/{weights()}"
    images = color_stripes(5, 8)
    found = metaclr.diagnose_runs([name], images, out=tmp_path)
    one = next(one for one in found.measured if one.layer == "features")
    assert one.label == name
    with torch.inference_mode():
        rows = metaclr.pretrained(name).eval()(images.images.float() / 255)
    assert one.numbers["uniformity"] == pytest.approx(uniformity(rows), rel=1e-4)


def test_a_tower_is_loaded_to_embed_images() -> None:
    name = f"open_clip:{NAME}/{weights()}"
    images = color_stripes(5, 8)
    with torch.inference_mode():
        rows = metaclr.pretrained(name).eval()(images.images.float() / 255)
    torch.testing.assert_close(metaclr.load(name).embed(images), rows, rtol=1e-4, atol=1e-5)
