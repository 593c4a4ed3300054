"""Settings are values: flattened, compared, overridden by name, shown as they are written."""

from __future__ import annotations

import pytest
import torch

from metaclr.bridge import (
    Decoupled,
    HardWeighted,
    Objective,
    Pairs,
    Prototypes,
    Queue,
    WeightedSum,
    cosine,
    dot,
    first_dims,
    format_setting,
    leave_one_out,
    leaves,
    override,
    raw,
    split,
    squared_euclidean,
    swap,
    unit_norm,
    within_class,
)
from metaclr.errors import UserError


def test_leaves_are_found_by_path() -> None:
    found = leaves(Objective(negatives=Queue(5), roles=split))
    assert found["temperature"] == 0.5
    assert found["head.similarity"] is dot
    assert found["negatives.size"] == 5
    assert leaves(WeightedSum(((0.5, Objective()),)))["terms.0.1.temperature"] == 0.5


def test_override_by_field_name_by_path_and_by_the_similaritys_name() -> None:
    changed = override(Objective(), temperature=1, unit=False, similarity="squared_euclidean")
    assert changed == Objective(embedding=raw, head=Pairs(squared_euclidean), temperature=1.0)
    both = WeightedSum(((0.5, Objective()), (0.5, Objective())))
    assert override(both, **{"terms.1.1.temperature": 0.1}).terms[1][1] == Objective(temperature=0.1)


@pytest.mark.parametrize(
    ("changes", "reason"),
    [
        ({"temprature": 0.2}, "did you mean 'temperature'"),
        ({"temperature": "hot"}, "wrong type"),
        ({"temperature": True}, "wrong type"),
        ({"temperature": -1.0}, "above 0"),
        ({"similarity": "cosin"}, "did you mean 'cosine'"),
    ],
)
def test_a_wrong_override_is_one_line(changes: dict[str, object], reason: str) -> None:
    with pytest.raises(UserError, match=reason) as caught:
        override(Objective(), **changes)
    assert "\n" not in str(caught.value)


def test_an_ambiguous_override_names_the_places() -> None:
    with pytest.raises(UserError, match=r"terms\.0\.1\.temperature, terms\.1\.1\.temperature"):
        override(WeightedSum(((0.5, Objective()), (0.5, Objective()))), temperature=0.1)


def test_build_takes_overrides() -> None:
    z = torch.randn(1, 4, 2, 3, generator=torch.Generator().manual_seed(0))
    mine = Objective(temperature=0.5).build(3, temperature=0.1)
    assert torch.equal(mine(z), Objective(temperature=0.1).build(3)(z))


def test_build_leaves_torchs_generator_alone_and_depends_on_the_seed() -> None:
    from metaclr.bridge import Relation

    settings = Objective(roles=split, head=Relation(3))
    state = torch.random.get_rng_state()
    weights = [settings.build(4, seed=seed).head.score.weight for seed in (0, 0, 1)]
    assert torch.equal(torch.random.get_rng_state(), state)
    assert torch.equal(weights[0], weights[1])
    assert not torch.equal(weights[0], weights[2])


@pytest.mark.parametrize(
    ("value", "text"),
    [
        (leave_one_out, "leave_one_out"),
        (swap, "swap"),
        (unit_norm, "unit_norm"),
        (raw, "raw"),
        (first_dims(8), "unit_norm of the first 8"),
        (within_class, "within_class"),
        (Prototypes(cosine), "Prototypes(cosine)"),
        (Decoupled(0.5), "Decoupled(0.5)"),
        (HardWeighted(1.0, 0.1), "HardWeighted(beta=1.0, tau_plus=0.1)"),
        (0.2, "0.2"),
        (None, "None"),
    ],
)
def test_settings_are_shown_as_they_are_written(value: object, text: str) -> None:
    assert format_setting(value) == text


def test_settings_are_values() -> None:
    assert Objective() == Objective()
    assert hash(Objective()) == hash(Objective())
    assert Objective(temperature=0.1) != Objective(temperature=0.2)
