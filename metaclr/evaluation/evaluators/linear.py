"""Linear probe: multinomial logistic regression on the frozen features of all labelled training images."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

from torch import Tensor

from metaclr.evaluation.evaluator import Evaluator, WorkItem
from metaclr.evaluation.linear_probe import PENALTIES, fit_probe
from metaclr.evaluation.measurement import Measurement, from_images, join
from metaclr.evaluation.target import Embedded
from metaclr.evaluation.train_test_features import check_features


@dataclass(frozen=True)
class Linear:
    """penalties: L2 penalties to choose from. max_classes: targets with more are skipped, as they take minutes."""

    penalties: tuple[float, ...] = PENALTIES
    max_classes: int | None = None


def linear(
    x: Tensor,
    y: Tensor,
    x_test: Tensor,
    y_test: Tensor,
    *,
    target: str,
    penalties: Sequence[float] = PENALTIES,
    seed: int = 0,
    validation: tuple[Tensor, Tensor] | None = None,
    labels: str = "",
    protocol: str = "",
) -> list[Measurement]:
    """Measure the test accuracy of a linear probe, with a Wilson interval over the test images.

    Args:
        x, y: training features (n, F) and labels (n,). x_test, y_test: those of the test part.
        seed: of the held-out third of the training part that chooses the penalty.
        validation: features (v, F) and labels (v,) that choose it instead; those of other classes are left out.

    Raises:
        UserError: an empty part, shapes that do not agree, or one class only.
    """
    data = check_features(x, y, x_test, y_test)
    if validation is not None:
        chosen = check_features(x, y, *validation)
        known = chosen.y_test >= 0
        validation = chosen.x_test[known], chosen.y_test[known]
    probe = fit_probe(data.x, data.y, classes=data.classes, penalties=penalties, seed=seed, validation=validation)
    correct = probe.scores(data.x_test).argmax(1) == data.y_test
    protocol = join(protocol, head="logistic regression on standardized features", penalty=probe.description)
    return [from_images("linear", correct, target=target, way=data.classes, labels=labels, protocol=protocol)]


def work_items(embedded: Embedded, settings: Linear) -> list[WorkItem]:
    """One item: all test images; none for a target with more than `max_classes`."""
    target = embedded.target
    if settings.max_classes is not None and target.images.classes > settings.max_classes:
        return []
    return [
        lambda: linear(
            *embedded.probe_parts,
            target=target.name,
            penalties=settings.penalties,
            validation=embedded.validation_part,
            protocol=embedded.probe_protocol,
        )
    ]


EVALUATOR = Evaluator(
    name="linear",
    family="linear",
    summary="accuracy on test images of logistic regression on frozen features",
    settings=Linear(),
    work_items=work_items,
    recipe_settings=lambda recipe: {"max_classes": recipe["max_probe_classes"]} if recipe.get("linear") else None,
)
