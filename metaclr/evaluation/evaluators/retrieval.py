"""Retrieval between images and texts: R@k, both ways, as papers on CLIP define it."""

from __future__ import annotations

from dataclasses import dataclass

import torch
from torch import Tensor

from metaclr.errors import UserError
from metaclr.evaluation.evaluator import Evaluator, WorkItem
from metaclr.evaluation.measurement import Measurement, from_images, join
from metaclr.evaluation.target import Embedded
from metaclr.text.captions import caption_lines


@dataclass(frozen=True)
class Retrieval:
    """ks: R@k is 1 for an item if any of its true partners is among the k nearest, averaged over items.

    LAION-AI/CLIP_benchmark, metrics/zeroshot_retrieval.py; where an item has several partners, recall proper would
    count each of them.
    """

    ks: tuple[int, ...] = (1, 5, 10)

    def __post_init__(self) -> None:
        object.__setattr__(self, "ks", tuple(self.ks))
        if not self.ks or min(self.ks) < 1:
            raise UserError(f"retrieval ks = {self.ks} must be at least 1")


def best_ranks(similarity: Tensor, true: Tensor) -> Tensor:
    """Place of the nearest true partner of each row: 0 for the first; ties count against it. int64 (R,).

    similarity (R, C); true bool (R, C), with one true partner in each row at least.
    """
    nearest = similarity.masked_fill(~true, -torch.inf).amax(1, keepdim=True)
    ahead = (similarity > nearest) | ((similarity == nearest) & ~true)
    return ahead.sum(1)


def work_items(embedded: Embedded, settings: Retrieval) -> list[WorkItem]:
    """One item: the images that probes are tested on and their different texts; none without texts.

    Of a target without labels, its part `test`, or all its images.
    """
    pairing, images = embedded.pairing, embedded.target.images
    if pairing is None or not (images.class_names or "caption" in images.attributes):
        return []

    def measure() -> list[Measurement]:
        test = embedded.target.test
        of_image = caption_lines(images.select(test))
        texts = sorted({text for lines in of_image for text in lines})
        number = {text: i for i, text in enumerate(texts)}
        rows = pairing.images(embedded.features[test.to(embedded.features.device)])
        similarity = rows @ pairing.texts(texts).T
        pairs = torch.tensor([(row, number[text]) for row, lines in enumerate(of_image) for text in lines])
        true = torch.zeros(similarity.shape, dtype=torch.bool)
        true[pairs[:, 0], pairs[:, 1]] = True
        true = true.to(similarity.device)
        ways = {"text": (similarity, true), "image": (similarity.T, true.T)}
        return [
            from_images(
                f"retrieval of {what} R@{k}",
                best_ranks(*of) < k,
                target=embedded.target.name,
                way=of[0].shape[1],
                labels="",
                protocol=join(embedded.probe_protocol, candidates=of[0].shape[1], k=k, partners="any"),
            )
            for what, of in ways.items()
            for k in settings.ks
        ]

    return [measure]


EVALUATOR = Evaluator(
    name="retrieval",
    family="retrieval",
    summary="R@k of texts for images and of images for texts, of encoders that were trained with texts",
    settings=Retrieval(),
    work_items=work_items,
    needs_labels=False,
)
