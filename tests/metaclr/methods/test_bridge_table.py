"""The methods stand in the space of the axes where the research's table (3.5) puts them."""

from __future__ import annotations

from typing import Any

import pytest

from metaclr import methods
from metaclr.bridge import (
    SVM,
    LeaveOneOut,
    Matching,
    Objective,
    Pairs,
    Prototypes,
    Queue,
    QueuePseudoLabels,
    Resample,
    Ridge,
    Split,
    Swap,
    WeightedSum,
    WithPredictor,
    dot,
    given,
    instance,
    raw,
    semi_normalized,
    squared_euclidean,
    unit_norm,
)

# V, labels, roles, embedding, head. With one shot, Pairs(dot) of unit rows is the table's cosine prototype.
TABLE: dict[str, tuple[Any, ...]] = {
    "simclr": (2, instance, LeaveOneOut(), unit_norm, Pairs(dot)),
    "simclr_multiview": (4, instance, LeaveOneOut(), unit_norm, Pairs(dot)),
    "infonce": (2, instance, Swap(), unit_norm, Pairs(dot)),
    "clip": (2, instance, Swap(), unit_norm, Pairs(dot)),
    "moco": (2, instance, Split(), unit_norm, Pairs(dot)),
    "metacontrastive_protonet": (2, instance, Split(), unit_norm, Prototypes(squared_euclidean)),
    "metacontrastive_r2d2": (2, instance, Split(), unit_norm, Ridge(regularizer=50 * 0.1)),
    "protonet": (4, given, Split(), raw, Prototypes(squared_euclidean)),
    "matching": (4, given, Split(), unit_norm, Matching(dot)),
    "supcon": (2, given, LeaveOneOut(), unit_norm, Pairs(dot)),
    "supcon_in": (2, given, LeaveOneOut(), unit_norm, Matching(dot)),
    "protoclr": (4, instance, Split(), raw, Prototypes(squared_euclidean)),
    "semi_normalized": (4, instance, Split(), raw, Prototypes(semi_normalized)),
    "metaoptnet": (4, given, Split(), unit_norm, SVM(penalty=0.1)),
}


@pytest.mark.parametrize("name", TABLE)
def test_axes(name: str) -> None:
    method = methods.get(name)
    objective = method.objective
    assert isinstance(objective, Objective)
    found = (method.v, objective.labels, objective.roles, objective.embedding, objective.head)
    assert found == TABLE[name]


def test_what_the_table_says_besides() -> None:
    directclr, infonce = methods.get("directclr"), methods.get("infonce")
    assert directclr.objective.roles == infonce.objective.roles == Swap()  # type: ignore[attr-defined]
    assert directclr.projector == "none"
    assert directclr.objective.embedding.dims(2048) == 360  # type: ignore[attr-defined]
    moco = methods.get("moco")
    assert moco.momentum is not None
    assert moco.objective.negatives == Queue(4096, with_batch=False)  # type: ignore[attr-defined]
    assert methods.get("semi_normalized").objective.tasks == Resample(tasks=256, way=5)  # type: ignore[attr-defined]
    for name in ("protoclr", "umtra"):  # the support is the image as it is
        assert methods.get(name).support_views == "identity"
        assert methods.get(name).shot == 1
    assert all(methods.get(name).projector == "none" for name in ("protonet", "protoclr", "maml", "umtra"))


def test_psco_is_moco_and_an_episode_from_the_queue() -> None:
    psco = methods.get("psco")
    assert isinstance(psco.objective, WithPredictor)
    assert isinstance(psco.objective.objective, WeightedSum)
    (one, moco), (other, episode) = psco.objective.objective.terms
    assert one == other == 1
    assert isinstance(moco, Objective)
    assert isinstance(episode, Objective)
    assert (moco.temperature, episode.temperature, psco.momentum) == (0.2, 1.0, 0.99)
    assert episode.labels == QueuePseudoLabels(shots=1, size=4096, epsilon=0.05, iterations=3)
    assert moco.negatives == Queue(4096)
    assert moco.head == episode.head == Pairs(dot)
