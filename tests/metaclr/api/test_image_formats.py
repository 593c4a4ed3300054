"""Encoders of different sizes: each sees the originals at its size, all get the same episodes and label subsets."""

from pathlib import Path

import pytest
import torch
from torch import Tensor, nn

import metaclr
from episodes import ImageSet
from metaclr.errors import UserError
from metaclr.evaluation import Target
from tests.metaclr.api.test_evaluating import SMALL
from tests.metaclr.comparison.small import stripes


class Rows(nn.Module):
    """Mean of each row of pixels of images of its own size."""

    def __init__(self, size: int, channels: int) -> None:
        super().__init__()
        self.size, self.channels = size, channels
        self.notes = ("weights: none",)

    def forward(self, pixels: Tensor) -> Tensor:
        assert pixels.shape[1:] == (self.channels, self.size, self.size)
        return pixels.mean((1, 3))


def test_each_encoder_gets_its_own_size_and_the_same_episodes(tmp_path: Path) -> None:
    encoders = {"small": Rows(16, 1), "large": Rows(32, 3)}
    result = metaclr.evaluate(encoders, {"bars": stripes(6, 16)}, out=tmp_path / "out", overrides=SMALL)
    few = result.rows[result.rows.evaluator == "few-shot"]
    assert set(few.method) == {"small", "large", "pixels"}
    assert few.protocol.nunique() == 1  # the same episodes of the same images: comparable pair by pair
    table = (tmp_path / "out" / "tables" / "main.md").read_text()
    assert "small: weights: none; images of 1 x 16 x 16" in table
    assert "large: weights: none; images of 3 x 32 x 32" in table
    assert "Pretrained elsewhere: small, large." in table
    assert "0 × 0" not in (tmp_path / "out" / "report.html").read_text()


def test_a_given_size_holds_for_all_encoders_without_one() -> None:
    class Any(nn.Module):
        def forward(self, pixels: Tensor) -> Tensor:
            assert pixels.shape[1:] == (3, 20, 20)
            return pixels.flatten(1)

    metaclr.evaluate(Any(), {"bars": stripes(6, 16)}, size=20, channels=3, overrides=SMALL)


def test_other_images_are_refused() -> None:
    target = Target("bars", stripes(6, 16))
    other = ImageSet(torch.zeros(96, 1, 32, 32, dtype=torch.uint8), torch.arange(96) % 6, name="bars")
    with pytest.raises(UserError, match="target 'bars': at another size it has other images"):
        target.at_size(other)
