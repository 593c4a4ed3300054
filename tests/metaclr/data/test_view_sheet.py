"""Views drawn for the eye: `metaclr data show NAME --views mine`."""

from __future__ import annotations

from pathlib import Path

import pytest
import torch
from click.testing import CliRunner
from PIL import Image

from episodes import PRESETS, to_float
from metaclr.cli import cli
from metaclr.data.described.view_sheet import draw_views
from tests.metaclr.comparison.small import stripes


def test_a_row_is_an_image_and_its_views() -> None:
    images = stripes()
    drawn = draw_views(images, PRESETS["gentle"], images=5, views=3, seed=0)
    assert drawn.shape == (5, 4, 1, 16, 16)
    plain = to_float(images.images)
    for row in drawn:
        assert any(torch.equal(row[0], image) for image in plain)
        assert not torch.equal(row[0], row[1])
        assert not torch.equal(row[1], row[2])
    assert torch.equal(drawn, draw_views(images, PRESETS["gentle"], images=5, views=3, seed=0))


def test_own_views_of_a_recipe_are_drawn(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.chdir(tmp_path)
    Path("my.toml").write_text('[views.mine]\nbase = "gentle"\nsolarize = 0.5\n')
    command = ["data", "show", "digits", "--views", "mine", "--recipe", "my.toml"]
    result = CliRunner().invoke(cli, command)
    assert result.exit_code == 0, result.output
    assert Image.open("views.png").size == (3 + 12 * 59, 3 + 8 * 59)
    for wrong, says in (
        (["--views", "mine"], "unknown views 'mine'"),
        (["--views", "simcrl"], "did you mean 'simclr'"),
    ):
        failed = CliRunner().invoke(cli, ["data", "show", "digits", *wrong])
        assert says in str(failed.exception)
