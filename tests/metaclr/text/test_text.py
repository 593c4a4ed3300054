"""Captions, tokens, their views and encoders."""

from __future__ import annotations

from dataclasses import replace

import pytest
import torch

from episodes import ImageSet
from metaclr.errors import UserError
from metaclr.text import TokenViews, Vocabulary, build_text_encoder, captions, class_captions
from metaclr.text.encoders import FeatureCutoff

TEXTS = ["GREEK SMALL LETTER PI", "greek capital letter pi", "a"]


def test_captions_are_given_or_names_of_classes() -> None:
    images = ImageSet(torch.zeros(3, 1, 4, 4).byte(), torch.tensor([1, 0, 1]), ("Greek/GREEK PI", "tree_frog"))
    assert class_captions(images) == ["GREEK PI", "tree frog"]
    assert captions(images) == ["tree frog", "GREEK PI", "tree frog"]
    assert captions(replace(images, attributes={"caption": ("x", "y", "z")})) == ["x", "y", "z"]
    with pytest.raises(UserError, match="no captions and its classes no names"):
        captions(images.unlabelled())


def test_words_have_numbers() -> None:
    words = Vocabulary.of(TEXTS)
    assert words.words == ("a", "capital", "greek", "letter", "pi", "small")
    assert words.encode(TEXTS).tolist() == [[4, 7, 5, 6], [4, 3, 5, 6], [2, 0, 0, 0]]
    assert words.encode(["pi, new; and much longer than four"]).tolist() == [[6, 1, 1, 1]]
    with pytest.raises(UserError, match="no words"):
        Vocabulary.of(["..."])


def view(views: TokenViews, step: int = 0) -> torch.Tensor:
    tokens = torch.arange(2, 10).repeat(500, 1)
    tokens[:, 6:] = 0
    return views(tokens, seed=0, step=step, ids=torch.arange(500))


def test_views_of_tokens() -> None:
    plain = view(TokenViews())
    assert plain[0].tolist() == [2, 3, 4, 5, 6, 7, 0, 0]
    shuffled = view(TokenViews(shuffle=True))
    assert (shuffled.sort(1).values == plain.sort(1).values).all()
    first = torch.bincount(shuffled[:, 0], minlength=8)[2:8]
    assert first.min() > 50  # each of six words about 83 times
    assert (shuffled[:, 6:] == 0).all()
    dropped = view(TokenViews(drop=0.5))
    kept = (dropped != 0).sum(1)
    assert 2.8 < kept.float().mean() < 3.3
    assert kept.min() == 1
    for row in dropped:
        words = row[row != 0].tolist()
        assert words == sorted(words)
        assert (row[len(words) :] == 0).all()
    assert (view(TokenViews(drop=0.99)) != 0).sum(1).min() == 1
    span = view(TokenViews(span=0.5))
    assert ((span != 0).sum(1) == 3).all()
    assert ((span[:, 1:3] - span[:, :2]) == 1).all()
    assert set(span[:, 0].tolist()) == {2, 3, 4, 5}
    assert torch.equal(view(TokenViews(drop=0.5), 1), view(TokenViews(drop=0.5), 1))
    assert not torch.equal(view(TokenViews(drop=0.5), 1), dropped)
    with pytest.raises(UserError, match="drop = 1"):
        TokenViews(drop=1.0)


def test_padding_changes_nothing_and_order_only_the_transformer() -> None:
    tokens = torch.tensor([[4, 7, 5, 6], [2, 0, 0, 0]])
    for name in ("bag", "transformer"):
        encoder = build_text_encoder(name, 8, 6, 16).eval()
        again = build_text_encoder(name, 8, 6, 16).eval()
        longer = torch.nn.functional.pad(tokens, (0, 2))
        assert torch.equal(encoder(longer), again(longer))
        alone = encoder(longer[1:])
        torch.testing.assert_close(encoder(longer)[1:], alone)
        noisy = encoder.words.weight.data
        noisy[0] = 100.0  # the vector of the padding is never read
        torch.testing.assert_close(encoder(longer)[1:], alone)
        turned = encoder(longer[:, [1, 0, 2, 3, 4, 5]])[0]
        same = torch.allclose(turned, encoder(longer)[0], atol=1e-5)
        assert same == (name == "bag")
    with pytest.raises(UserError, match="cutoff = 1"):
        build_text_encoder("bag", 8, 6, 16, cutoff=1.0)
    with pytest.raises(UserError, match="did you mean 'transformer'"):
        build_text_encoder("transformers", 8, 6, 16)


def test_cutoff_zeroes_dimensions_of_whole_texts_in_training_alone() -> None:
    rows = torch.ones(400, 5, 20)
    cut = FeatureCutoff(0.2)
    found = cut(rows)
    assert torch.equal(found[:, :1].expand_as(found), found)
    assert set(found.unique().tolist()) == {0.0, 1.0}
    assert float(found.mean()) == pytest.approx(0.8, abs=0.02)
    assert not torch.equal(found[0], found[1])
    assert torch.equal(cut.eval()(rows), rows)
