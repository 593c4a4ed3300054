"""Random resized crops are distributed as torchvision's, which draws again until one fits, ten times at most."""

from __future__ import annotations

import pytest
import torch
from scipy.stats import ks_2samp

from episodes.operations.pose import TRIES, Pose, crop_window
from episodes.operations.rows import Rows

transforms = pytest.importorskip("torchvision.transforms")

COUNT = 20_000
RATIO = (3 / 4, 4 / 3)


def our_crops(scale: tuple[float, float], height: int, width: int) -> dict[str, torch.Tensor]:
    """Of 20,000 views: shares of the image's area and width, ratio in pixels, center in -1..1."""
    keys = {"views": 1, "views: crop": 2}
    rows = Rows(keys, torch.arange(COUNT), Pose.slots, channels=1, height=height, width=width)
    center, size = crop_window(scale, RATIO, rows)
    assert bool((center.abs() + size <= 1 + 1e-6).all())
    return measures(center.double(), size.double(), width / height)


def torchvisions_crops(scale: tuple[float, float], height: int, width: int) -> dict[str, torch.Tensor]:
    """The same of `RandomResizedCrop.get_params`, which rounds to pixels."""
    torch.manual_seed(0)
    image = torch.zeros(1, height, width)
    drawn = [transforms.RandomResizedCrop.get_params(image, scale, RATIO) for _ in range(COUNT)]
    top, left, tall, wide = torch.tensor(drawn, dtype=torch.float64).unbind(1)
    center = torch.stack([(2 * left + wide) / width - 1, (2 * top + tall) / height - 1], dim=-1)
    return measures(center, torch.stack([wide / width, tall / height], dim=-1), width / height)


def measures(center: torch.Tensor, size: torch.Tensor, aspect: float) -> dict[str, torch.Tensor]:
    ratio = (size[:, 0] / size[:, 1] * aspect).log()
    found = {"area": size.prod(1), "width": size[:, 0], "height": size[:, 1], "ratio": ratio}
    found |= {"x": center[:, 0], "y": center[:, 1]}
    return {name: values.round(decimals=5) for name, values in found.items()}  # the central crop is one value in both


# Images of over 1,000 pixels, so that rounding to pixels is far below what the test can see.
@pytest.mark.parametrize(
    ("scale", "height", "width"),
    [((0.08, 1.0), 1024, 1024), ((0.2, 1.0), 1024, 1024), ((0.5, 1.0), 900, 1200), ((0.3, 1.0), 1200, 3000)],
    ids=["SimCLR", "MoCo", "4 to 3", "long"],
)
def test_areas_sides_ratios_and_places_are_torchvisions(scale: tuple[float, float], height: int, width: int) -> None:
    """Kolmogorov and Smirnov's test of two samples of 20,000; at p = 0.0001 for 24 comparisons."""
    ours, theirs = our_crops(scale, height, width), torchvisions_crops(scale, height, width)
    for name in ours:
        assert ks_2samp(ours[name].numpy(), theirs[name].numpy()).pvalue > 1e-4, name
    assert float(ours["area"].mean()) == pytest.approx(float(theirs["area"].mean()), abs=0.01)


def test_large_crops_of_a_square_are_rarer_than_uniform_areas() -> None:
    """What drawing again does to (0.08, 1): a mean share of 48 % of the image, where uniform areas have 54 %."""
    areas = our_crops((0.08, 1.0), 224, 224)["area"]
    assert float(areas.mean()) == pytest.approx(0.478, abs=0.01)
    assert float((areas > 0.8).double().mean()) == pytest.approx(0.10, abs=0.01)


def test_after_ten_draws_that_do_not_fit_the_crop_is_the_largest_central_one() -> None:
    """Of a very long image no draw fits; both take the whole height and a ratio of 4 to 3, in the middle."""
    ours, theirs = our_crops((0.9, 1.0), 100, 1000), torchvisions_crops((0.9, 1.0), 100, 1000)
    assert TRIES == 10
    for crops, tolerance in ((ours, 2e-5), (theirs, 0.5 / 100)):
        torch.testing.assert_close(crops["height"], torch.ones(COUNT).double())
        torch.testing.assert_close(crops["ratio"].exp(), torch.full((COUNT,), 4 / 3).double(), atol=tolerance, rtol=0)
        torch.testing.assert_close(crops["x"], torch.zeros(COUNT).double(), atol=tolerance, rtol=0)
