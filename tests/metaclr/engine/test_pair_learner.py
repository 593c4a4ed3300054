"""Training on pairs of image and text: the loss is CLIP's, by a loop; both towers learn; names classify images."""

from __future__ import annotations

from dataclasses import replace
from pathlib import Path

import pytest
import torch
import torch.nn.functional as F

import metaclr
from episodes import Rendering, TaskShape, ViewRecipe
from metaclr import methods
from metaclr.comparison.runs.naming import runs_of
from metaclr.comparison.runs.training import build_learner, sampler_for
from metaclr.engine.pair_learner import PairLearner
from metaclr.errors import UserError
from metaclr.positives.pair import Pair, PairSampler
from metaclr.recipe import resolve
from tests.metaclr.comparison import small

SMALL = ["size=16", "channels=1", "encoder.options={width=8}", "train.batch_views=16"]


def test_the_loss_is_clips() -> None:
    images = small.stripes(12)
    recipe = resolve({}, [*SMALL, "methods=clip(positives=pair, pair.text=bag)"])
    run = runs_of(recipe)[0]
    learner = build_learner(run, recipe, images)
    assert isinstance(learner, PairLearner)
    sampler = sampler_for(run, recipe, images)
    episode = sampler(3)
    assert len(episode.labels[0].unique()) == 8
    pixels = Rendering(images, ViewRecipe(), seed=0)(episode)
    loss = learner.eval()(pixels, episode)[0].item()
    tokens = learner.tokens[episode.images[0, :, 0]]
    text = F.normalize(learner.text(tokens), dim=-1)
    image = F.normalize(learner.projector(learner.encoder(pixels[0, :, 1])), dim=-1)
    terms = []
    for i in range(8):
        for query, others in ((text[i], image), (image[i], text)):
            logits = torch.stack([query @ other for other in others]) / 0.07
            terms.append(logits.logsumexp(0) - logits[i])
    assert loss == pytest.approx(torch.stack(terms).mean().item(), rel=1e-5)


def test_every_text_once_an_epoch_and_all_its_images() -> None:
    images = Pair().labelled(small.stripes(6, 5))
    draw = PairSampler(images, TaskShape(3, 1, 2), seed=0)
    seen: set[int] = set()
    for step in range(40):
        episode = draw(step)
        assert (images.required_labels()[episode.images] == episode.labels.unsqueeze(-1)).all()
        seen |= set(episode.images.flatten().tolist())
        if step % 2:
            assert sorted([*draw(step - 1).labels[0].tolist(), *episode.labels[0].tolist()]) == list(range(6))
    assert seen == set(range(30))
    halves = [PairSampler(images, TaskShape(4, 1, 2), seed=0, rank=rank, world=2)(1).images for rank in (0, 1)]
    whole = PairSampler(images, TaskShape(4, 1, 2), seed=0)(1).images
    assert torch.equal(torch.stack(halves, 2).flatten(1, 2), whole)


def test_names_classify_images_after_training(tmp_path: Path) -> None:
    images = small.stripes(6, 30)
    found = metaclr.compare(
        methods=[
            {"name": "clip", "label": "pairs", "settings": {"positives": "pair"}},
            {"name": "byol", "label": "momentum", "settings": {"positives": "pair", "pair.drop": 0.2}},
            "simclr",
        ],
        sources={"stripes": images}, targets={"again": images}, steps=40, out=tmp_path, device="cpu", quiet=True,
        overrides=[*SMALL, "views=identity", "evaluate.more={zero-shot={}, retrieval={}}", "evaluate.linear=false",
                   "evaluate.knn=false", "evaluate.low_label=false", "evaluate.few_shot=false", "train.lr=0.003"],
    )  # fmt: skip
    assert not found.failures
    rows = found.rows.set_index(["method", "evaluator"]).value
    assert rows["pairs", "zero-shot"] > 60  # chance is 17
    assert rows["pairs", "zero-shot top-5"] >= rows["pairs", "zero-shot"]
    assert rows["pairs", "retrieval of text R@1"] == rows["pairs", "zero-shot"]
    assert rows["pairs", "retrieval of image R@1"] > 50
    assert ("momentum", "zero-shot") in rows.index
    assert not {"simclr", "untrained", "pixels"} & set(found.rows.method)


def test_what_cannot_take_texts_is_refused() -> None:
    with pytest.raises(UserError, match="which a learner of its own"):
        Pair().method(methods.get("maml"))
    with pytest.raises(UserError, match="no captions and its classes no names"):
        Pair().labelled(replace(small.stripes(), class_names=()))
    with pytest.raises(UserError, match="did you mean 'bag'"):
        Pair(text="bags")
    with pytest.raises(UserError, match=r"pair\.drop = 2"):
        Pair(drop=2.0)
