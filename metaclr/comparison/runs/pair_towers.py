"""The text side of a method that trains on pairs: its encoder and tokens for training, and what evaluators compare."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

import torch

from metaclr.errors import UserError
from metaclr.positives.pair import Pair
from metaclr.text import caption_lines
from metaclr.text.tower import text_tower, tokens_of

if TYPE_CHECKING:
    from torch import nn

    from episodes import ImageSet
    from metaclr.evaluation.pairing import Pairing
    from metaclr.methods import Method


def text_side(method: Method, images: ImageSet, dim: int, seed: int) -> dict[str, Any]:
    """Arguments of `PairLearner` for these images: text encoder to D = `dim`, tokens, views; {} without pairs.

    Raises:
        UserError: images without captions and class names; extra or learned views.
    """
    if not isinstance(method.positives, Pair):
        return {}
    if method.tricks.draws_views or method.tricks.learned_views:
        raise UserError(
            f"{method.name or 'method'}: {method.tricks} changes or adds views of images, and the support of a pair is "
            "a text; leave it out"
        )
    of_images = caption_lines(images)
    texts = [text for lines in of_images for text in lines]
    counts = torch.tensor([len(lines) for lines in of_images])
    vocabulary = tokens_of(method.positives.text, texts)
    text = text_tower(method.positives.text, vocabulary, dim, seed=seed)
    tokens = vocabulary.encode(texts)
    return {"text": text, "tokens": tokens, "counts": counts, "views": method.positives.token_views, "seed": seed}


def pairing_of(method: Method, learner: nn.Module, images: ImageSet) -> Pairing | None:
    """What evaluators of images and texts need of a trained learner; None without pairs."""
    from metaclr.evaluation.pairing import Pairing

    if not isinstance(method.positives, Pair):
        return None
    text = learner.get_submodule("text")
    texts = [line for lines in caption_lines(images) for line in lines]
    return Pairing(learner.get_submodule("projector"), text, tokens_of(method.positives.text, texts))
