"""`metaclr.train` into a folder: more steps go on from it, any other change is refused by its name."""

from __future__ import annotations

from pathlib import Path

import pytest

import metaclr
from metaclr.errors import UserError
from tests.metaclr.comparison import small

SETTINGS = ["size=16", "encoder.options={width=8}", "train.batch_views=16"]


def train(out: Path, *overrides: str, steps: int = 2, **arguments: object) -> None:
    metaclr.train(
        "simclr", small.stripes(), overrides=[*SETTINGS, *overrides], steps=steps, out=out, device="cpu", **arguments
    )  # type: ignore[arg-type]


def test_more_steps_resume_and_changes_are_named(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    train(tmp_path)
    train(tmp_path, steps=4)
    assert len((tmp_path / "curve.csv").read_text().splitlines()) > 1
    assert (
        "note: trained for 2, then 4 steps; its learning rate followed the cosine schedule" in capsys.readouterr().err
    )
    for changed, message in (
        (["train.lr=0.01"], "train.lr = 0.001 before, 0.01 now"),
        (["simclr.temperature=0.1"], "method.settings.temperature = unset before, 0.1 now"),
    ):
        with pytest.raises(UserError, match=message) as error:
            train(tmp_path, *changed, steps=4)
        assert "\n" not in str(error.value)
    with pytest.raises(UserError, match=r"train\.steps = 4 before, 2 now"):
        train(tmp_path, steps=2)
    with pytest.raises(UserError, match="the images of the source have changed"):
        metaclr.train("simclr", small.stripes(each=10), overrides=SETTINGS, steps=4, out=tmp_path, device="cpu")
