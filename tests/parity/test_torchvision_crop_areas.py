"""The share of an image that a random resized crop shows, beside torchvision's rejection sampling.

torchvision draws area and ratio again until the crop fits, and large areas fit fewer ratios, so its areas are smaller
than the uniform law that the setting names; ours draws the ratio among those that fit, so its areas are uniform. On a
square image and (0.08, 1) the mean share is 54 % here and 48 % there, and 22 % of crops
show more than 0.8 of the image here, 10 % there.
"""

from __future__ import annotations

import pytest
import torch

from episodes.operations.pose import Pose, crop_window
from episodes.operations.rows import Rows

transforms = pytest.importorskip("torchvision.transforms")

SCALE, RATIO = (0.08, 1.0), (3 / 4, 4 / 3)
COUNT = 20_000


def our_areas() -> torch.Tensor:
    """Shares of a square image, sorted."""
    rows = Rows({"views": 1}, torch.arange(COUNT), Pose.slots, channels=1, height=224, width=224)
    _, size = crop_window(SCALE, RATIO, rows)
    return size.prod(-1).double().sort().values


def torchvision_areas() -> torch.Tensor:
    """The same of `RandomResizedCrop.get_params`, which rounds to pixels."""
    torch.manual_seed(0)
    image = torch.zeros(1, 224, 224)
    boxes = [transforms.RandomResizedCrop.get_params(image, SCALE, RATIO)[2:] for _ in range(COUNT)]
    return (torch.tensor(boxes, dtype=torch.float64).prod(-1) / 224**2).sort().values


def distance_from_uniform(areas: torch.Tensor) -> float:
    """Kolmogorov's: the largest gap between the distribution of the areas and the uniform one."""
    uniform = (areas - SCALE[0]) / (SCALE[1] - SCALE[0])
    return float((uniform - torch.linspace(0, 1, len(areas), dtype=torch.float64)).abs().max())


def test_our_areas_are_uniform_and_torchvisions_are_smaller() -> None:
    ours, theirs = our_areas(), torchvision_areas()
    assert distance_from_uniform(ours) < 1.63 / COUNT**0.5  # Kolmogorov's 1 % point
    assert float(ours.mean()) == pytest.approx(0.54, abs=0.01)
    assert float(theirs.mean()) == pytest.approx(0.478, abs=0.01)
    assert distance_from_uniform(theirs) == pytest.approx(0.125, abs=0.02)
