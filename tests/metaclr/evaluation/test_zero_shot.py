"""Zero-shot accuracy and R@k against loops over the definitions; class vectors as CLIP's."""

from __future__ import annotations

import pytest
import torch
import torch.nn.functional as F
from torch import nn

from metaclr.errors import UserError
from metaclr.evaluation import make_target, transfer
from metaclr.evaluation.evaluators.retrieval import Retrieval, best_ranks
from metaclr.evaluation.evaluators.zero_shot import ZeroShot, true_ranks
from metaclr.evaluation.pairing import Pairing
from metaclr.text import Vocabulary, build_text_encoder
from tests.metaclr.comparison import small


def draw(*shape: int) -> torch.Tensor:
    return torch.randn(*shape, generator=torch.Generator().manual_seed(len(shape)))


def test_ranks_are_those_of_loops() -> None:
    similarity, own = draw(30, 7), torch.randint(0, 7, (30,), generator=torch.Generator().manual_seed(0))
    similarity[:5] = similarity[:5].round()  # ties
    for row, of, rank in zip(similarity.tolist(), own.tolist(), true_ranks(similarity, own).tolist(), strict=True):
        assert rank == sum(value >= row[of] for place, value in enumerate(row) if place != of)
    true = draw(30, 7, 1)[..., 0] > 0.8
    true[:, 2] = True
    for row, partners, rank in zip(similarity, true, best_ranks(similarity, true).tolist(), strict=True):
        for k in (1, 3, 7):
            best = row[partners].max()
            ahead = sum(bool(value > best or (value == best and not t)) for value, t in zip(row, partners, strict=True))
            assert (rank < k) == (ahead < k)
        order = row.argsort(descending=True)
        if len(row.unique()) == 7:
            assert rank == int(partners[order].nonzero()[0])


def test_class_vectors_are_means_over_templates() -> None:
    words = Vocabulary.of(["a photo of one", "a drawing of two"])
    text = build_text_encoder("transformer", len(words), words.length, 8)
    pairing = Pairing(nn.Identity(), text, words)
    found = pairing.classes(["one", "two"], ["{}", "a photo of {}"])
    for name, vector in zip(("one", "two"), found, strict=True):
        with torch.inference_mode():
            each = [F.normalize(text.eval()(words.encode([t]))[0], dim=0) for t in (name, f"a photo of {name}")]
        torch.testing.assert_close(vector, F.normalize((each[0] + each[1]) / 2, dim=0))


def test_an_encoder_without_texts_gives_no_rows_and_one_with_texts_does() -> None:
    images = small.stripes(4, 10)
    target = make_target("t", images, ways=(), shots=(), episodes=2, fractions=(), per_class=())
    names = ["zero-shot", "retrieval"]
    assert transfer(nn.Flatten(), target, names) == []
    words = Vocabulary.of(images.class_names)
    pairing = Pairing(nn.Linear(256, 8), build_text_encoder("bag", len(words), words.length, 8), words)
    found = {one.evaluator: one for one in transfer(nn.Flatten(), target, names, pairing=pairing)}
    assert len(found) == 2 + 6
    with torch.inference_mode():
        image = F.normalize(pairing.projector(images.images[target.test].float().flatten(1) / 255), dim=1)
        text = F.normalize(pairing.text.eval()(words.encode(images.class_names)), dim=1)
    labels = images.required_labels()[target.test]
    expected = (image @ text.T).argmax(1) == labels
    assert torch.equal(found["zero-shot"].per_item, expected.float())  # type: ignore[arg-type]
    nearest = (text @ image.T).argmax(1)
    assert found["retrieval of image R@1"].value == pytest.approx(
        100 * (labels[nearest] == torch.arange(4)).float().mean().item()
    )


def test_settings_that_are_refused() -> None:
    with pytest.raises(UserError, match=r"must have one \{\}"):
        ZeroShot(templates=("a photo",))
    with pytest.raises(UserError, match="must be at least 1"):
        Retrieval(ks=(0,))
