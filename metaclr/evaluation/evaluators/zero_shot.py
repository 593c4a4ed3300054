"""Zero-shot classification: an image is of the class whose name is nearest to it (CLIP, Radford et al. 2021)."""

from __future__ import annotations

from dataclasses import dataclass

from torch import Tensor

from metaclr.errors import UserError
from metaclr.evaluation.evaluator import Evaluator, WorkItem
from metaclr.evaluation.measurement import Measurement, from_images, join
from metaclr.evaluation.pairing import Pairing
from metaclr.evaluation.target import Embedded
from metaclr.text.captions import class_captions


@dataclass(frozen=True)
class ZeroShot:
    """templates: texts with one {}, which the name of a class replaces; their embeddings are averaged. top: ks."""

    templates: tuple[str, ...] = ("{}",)
    top: tuple[int, ...] = (1, 5)

    def __post_init__(self) -> None:
        object.__setattr__(self, "templates", tuple(self.templates))
        object.__setattr__(self, "top", tuple(self.top))
        for template in self.templates:
            if template.count("{}") != 1:
                raise UserError(f"zero-shot templates: {template!r} must have one {{}}, which a class name replaces")
        if not self.templates or not self.top or min(self.top) < 1:
            raise UserError("zero-shot needs a template, and top = ks of at least 1")


def true_ranks(similarity: Tensor, own: Tensor) -> Tensor:
    """Place of the own class in the order of similarity: 0 for the nearest; ties count against it. int64 (M,)."""
    true = similarity.gather(1, own.unsqueeze(1))
    return (similarity >= true).sum(1) - 1


def work_items(embedded: Embedded, settings: ZeroShot) -> list[WorkItem]:
    """One item: the images that probes are tested on, against the classes of the whole target; none without texts."""
    pairing = embedded.pairing
    if pairing is None or not embedded.target.images.class_names:
        return []
    trained: Pairing = pairing

    def measure() -> list[Measurement]:
        images = embedded.target.images
        test = embedded.target.test.to(embedded.features.device)
        names = trained.classes(class_captions(images), settings.templates)
        own = images.required_labels()[embedded.target.test].to(names.device)
        ranks = true_ranks(trained.images(embedded.features[test]) @ names.T, own)
        known = join(embedded.probe_protocol, templates=" | ".join(settings.templates))
        return [
            from_images(
                "zero-shot" if k == 1 else f"zero-shot top-{k}",
                ranks < k,
                target=embedded.target.name,
                way=len(names),
                labels="",
                protocol=join(known, top=k),
            )
            for k in settings.top
        ]

    return [measure]


EVALUATOR = Evaluator(
    name="zero-shot",
    family="zero-shot",
    summary="accuracy on test images by the nearest class name, of encoders that were trained with texts",
    settings=ZeroShot(),
    work_items=work_items,
)
