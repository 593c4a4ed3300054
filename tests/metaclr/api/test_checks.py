"""The Python API refuses wrong arguments and unfit encoders in one line, before any work."""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest
import torch
from torch import Tensor, nn

import metaclr
from metaclr.api.checks import _RULES, check_arguments
from metaclr.api.encoder_checks import checked_encoder, named_encoders
from metaclr.errors import UserError

WRONG: dict[str, list[Any]] = {
    "a": [None, 3, ["simclr"]],
    "b": [None, 3, b"simclr"],
    "method": [None, 3, ["simclr"], "sim\0clr"],
    "methods": ["simclr", 3, [3], {"mine": 3}, {3: "simclr"}, [None]],
    "sources": ["digits", 3, [3], {"mine": torch.zeros(3)}, [b"digits"]],
    "targets": ["digits", 3, [None], {"mine": [1, 2]}, ["a\0b"]],
    "source": [None, 3, torch.zeros(3), [3]],
    "recipe": [None, 3, ["glyphs"], "a\0b", {}],
    "seeds": [3, "0", [0.5], [-1], ["0"], [True]],
    "seed": [None, -1, 0.5, "0", True],
    "steps": ["10", 1.5, 0, -3, True, [1]],
    "size": [None, 0, "28", 28.0, (28, 28)],
    "channels": [None, 2, "1", 1.0, True],
    "jobs": [0, None, "2", 1.5],
    "settings": [3, "lr=1", [("lr", 1)], {1: 2}],
    "order": ["roles", None, [3]],
    "overrides": ["train.steps=1", None, [3], {"train.steps": 1}],
    "views_mode": [3, ["shared"]],
    "protocol": [3, ["mini-5way"]],
    "log": ["tensorboard", None, [3]],
    "device": [None, 3, ["cpu"]],
    "ray": [3, ["local"]],
    "out": [3, ["x"], b"x", "a\0b", Path("a\0b")],
    "start": [3, ["x"], b"x", "a\0b"],
    "data_root": [3, ["x"], "a\0b"],
    "quick": [None, 1, "yes"],
    "quiet": [None, 0, "no"],
    "trust": [None, 0, "no"],
    "both_orders": [None, 1],
}


def test_every_rule_has_wrong_values() -> None:
    assert WRONG.keys() == _RULES.keys()


@pytest.mark.parametrize(("name", "value"), [(name, value) for name, values in WRONG.items() for value in values])
def test_a_wrong_type_is_one_line_that_names_the_argument(name: str, value: Any) -> None:
    with pytest.raises(UserError) as error:
        check_arguments(**{name: value})
    assert str(error.value).startswith(f"{name} = ")
    assert "\n" not in str(error.value)
    assert len(str(error.value)) < 200


def test_right_types_pass() -> None:
    check_arguments(
        a="simclr", methods=["simclr", {"name": "byol"}], sources=None, targets=("digits",), source="digits",
        recipe=Path("x.toml"), seeds=range(3), seed=0, steps=None, size=28, channels=3, jobs=2, settings={"lr": 1},
        order=[], overrides=(), views_mode=None, device=torch.device("cpu"), ray=None, out=None, data_root="x",
        quick=True, quiet=False, both_orders=False,
    )  # fmt: skip


@pytest.mark.parametrize(
    ("call", "start"),
    [
        (lambda: metaclr.compare(targets="digits"), "targets = 'digits' is one text; give a list, such as ['digits']"),
        (lambda: metaclr.compare(methods="simclr"), "methods = 'simclr': a list of names"),
        (lambda: metaclr.compare(seeds=3), "seeds = 3: a list of whole numbers"),
        (lambda: metaclr.train(3), "method = 3: a method's name"),
        (lambda: metaclr.train("simclr", steps="10"), "steps = '10': a whole number"),
        (lambda: metaclr.bridge_walk("simclr", "protonet", order="roles"), "order = 'roles': a list of axes"),
        (lambda: metaclr.evaluate(nn.Flatten(), "digits"), "targets = 'digits': a list of names"),
        (lambda: metaclr.evaluate("conv4", ["digits"]), "encoder 'encoder' is a str; pass a torch.nn.Module"),
        (lambda: metaclr.evaluate(nn.Flatten, ["digits"]), "pass an instance, Flatten(...)"),
        (lambda: metaclr.evaluate({}, ["digits"]), "encoders: empty"),
        (lambda: metaclr.evaluate({"a": None}, ["digits"]), "encoder 'a' is a NoneType"),
    ],
)
def test_the_api_refuses_before_any_work(call: Callable[[], Any], start: str) -> None:
    with pytest.raises(UserError) as error:
        call()
    assert start in str(error.value)
    assert "\n" not in str(error.value)


class Returns(nn.Module):
    """An encoder that returns `make(images)`."""

    def __init__(self, make: Callable[[Tensor], Any]) -> None:
        super().__init__()
        self.make = make

    def forward(self, images: Tensor) -> Any:
        return self.make(images)


def fails(_images: Tensor) -> Tensor:
    raise KeyError("missing\nkey")


@pytest.mark.parametrize(
    ("make", "message"),
    [
        (fails, "raises KeyError"),
        (lambda x: (x.flatten(1), 0), "returns a tuple for images (B, 1, 16, 16), not features (B, F); return one"),
        (lambda x: {"features": x.flatten(1)}, "returns a dict"),
        (lambda x: None, "returns a NoneType"),
        (lambda x: x.flatten(1).long(), "returns int64"),
        (lambda x: x[:, 0], "returns tokens (B, 16, 16) for images (B, 1, 16, 16); pool them"),
        (lambda x: x.mean(), "returns () for 2 images"),
        (lambda x: x.flatten(), "keep the batch axis first"),
        (lambda x: x.flatten(1)[:1], "keep the batch axis first"),
        (lambda x: nn.Linear(3, 3)(x.flatten(1)), "raises RuntimeError"),
    ],
)
def test_an_unfit_encoder_is_one_line_with_the_fix(make: Callable[[Tensor], Any], message: str) -> None:
    with pytest.raises(UserError) as error:
        checked_encoder(Returns(make), "mine", channels=1, size=16)
    assert "encoder 'mine' " in str(error.value)
    assert message in str(error.value)
    assert "\n" not in str(error.value)


@pytest.mark.parametrize("dtype", [torch.float16, torch.bfloat16])
def test_half_precision_weights_become_float32_in_a_copy(
    dtype: torch.dtype, capsys: pytest.CaptureFixture[str]
) -> None:
    given = nn.Sequential(nn.Flatten(), nn.Linear(256, 4)).to(dtype)
    used = checked_encoder(given, "half", channels=1, size=16)
    assert next(used.parameters()).dtype == torch.float32
    assert next(given.parameters()).dtype == dtype
    assert torch.equal(next(used.parameters()), next(given.parameters()).float())
    assert "half precision" in capsys.readouterr().err


def test_the_trial_leaves_an_encoder_as_it_was() -> None:
    given = nn.Sequential(nn.Conv2d(1, 4, 3), nn.BatchNorm2d(4), nn.AdaptiveAvgPool2d(1)).train()
    before = {name: value.clone() for name, value in given.state_dict().items()}
    assert checked_encoder(given, "maps", channels=1, size=16) is given
    assert given.training
    assert given[1].training
    assert all(torch.equal(value, before[name]) for name, value in given.state_dict().items())


def test_names_of_encoders() -> None:
    module = nn.Flatten()
    assert named_encoders(module) == {"encoder": module}
    assert named_encoders({"a": module}) == {"a": module}
    for name in ("", " ", 3, "a\0b"):
        with pytest.raises(UserError, match="name"):
            named_encoders({name: module})
