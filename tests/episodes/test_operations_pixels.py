"""Color, blur, stroke width, erasing and dropout against torchvision and SciPy at fixed parameters."""

from __future__ import annotations

from collections.abc import Callable

import pytest
import torch
from scipy import ndimage
from torch import Tensor
from torchvision.transforms.v2 import functional as F

from episodes.operations import color
from episodes.operations.blur import gaussian_blur
from episodes.operations.dropout import drop_pixels, pixel_noise
from episodes.operations.erase import erase
from episodes.operations.hue import adjust_hue
from episodes.operations.stroke import maximum_3x3, stroke_width

TOLERANCE = {"atol": 3e-6, "rtol": 0.0}
FACTORS = torch.tensor([0.0, 0.3, 1.0, 1.4, 2.5])

Adjust = Callable[[Tensor, Tensor], Tensor]


def noise(rows: int, channels: int, height: int, width: int) -> Tensor:
    return torch.rand(rows, channels, height, width, generator=torch.Generator().manual_seed(5))


@pytest.mark.parametrize("channels", [1, 3])
@pytest.mark.parametrize(
    ("ours", "theirs"),
    [(color.adjust_brightness, F.adjust_brightness), (color.adjust_contrast, F.adjust_contrast)],
)
def test_brightness_and_contrast_are_torchvisions(channels: int, ours: Adjust, theirs: Adjust) -> None:
    images = noise(5, channels, 12, 17)
    expected = torch.stack([theirs(image, float(f)) for image, f in zip(images, FACTORS, strict=True)])
    torch.testing.assert_close(ours(images, FACTORS), expected, **TOLERANCE)


def test_saturation_is_torchvisions() -> None:
    images = noise(5, 3, 12, 17)
    expected = [F.adjust_saturation(image, float(f)) for image, f in zip(images, FACTORS, strict=True)]
    torch.testing.assert_close(color.adjust_saturation(images, FACTORS), torch.stack(expected), **TOLERANCE)


def test_hue_is_torchvisions_also_where_channels_tie() -> None:
    images = noise(6, 3, 16, 16)
    images[:, 1, 0] = images[:, 0, 0]
    images[:, 2, 1] = images[:, 1, 1]
    images[:, 0, 2] = images[:, 2, 2]
    images[:, :, 3] = images[:, :1, 3]
    images[:, :, 4], images[:, :, 5] = 0, 1
    turns = torch.tensor([-0.5, -0.1, 0.0, 1 / 6, 0.25, 0.5])
    expected = torch.stack([F.adjust_hue(image, float(t)) for image, t in zip(images, turns, strict=True)])
    torch.testing.assert_close(adjust_hue(images, turns), expected, **TOLERANCE)


def test_grey_is_torchvisions_and_leaves_the_others_exactly() -> None:
    images = noise(4, 3, 8, 8)
    chosen = torch.tensor([True, False, True, False])
    ours = color.to_grey(images, chosen)
    torch.testing.assert_close(ours[chosen], F.rgb_to_grayscale(images[chosen], 3), **TOLERANCE)
    assert torch.equal(ours[~chosen], images[~chosen])


@pytest.mark.parametrize(("height", "width", "radius"), [(32, 32, 1), (40, 25, 3), (64, 64, 11)])
def test_blur_is_torchvisions(height: int, width: int, radius: int) -> None:
    images = noise(4, 3, height, width)
    sigma = torch.tensor([0.1, 0.7, 1.3, 2.0])
    expected = [
        F.gaussian_blur(image, [2 * radius + 1] * 2, [float(s)] * 2) for image, s in zip(images, sigma, strict=True)
    ]
    torch.testing.assert_close(gaussian_blur(images, sigma, radius), torch.stack(expected), **TOLERANCE)


def test_blur_of_no_width_changes_nothing_even_of_one_pixel() -> None:
    images = noise(2, 1, 9, 9)
    assert torch.equal(gaussian_blur(images, torch.zeros(2), 2), images)
    assert torch.equal(gaussian_blur(images[..., :1, :1], torch.ones(2), 2), images[..., :1, :1])


def test_stroke_width_blends_with_grey_dilation_and_erosion() -> None:
    images = noise(5, 1, 14, 11)
    amount = torch.tensor([-1.0, -0.4, 0.0, 0.7, 1.0])
    ours = stroke_width(images, amount)
    for row, a in enumerate(amount.tolist()):
        image = images[row, 0].numpy()
        grown = ndimage.grey_dilation(image, size=3) if a > 0 else ndimage.grey_erosion(image, size=3)
        expected = torch.from_numpy(image + abs(a) * (grown - image))
        torch.testing.assert_close(ours[row, 0], expected, **TOLERANCE)
    assert torch.equal(ours[2], images[2])


def test_maximum_is_max_pool() -> None:
    images = noise(3, 3, 10, 13) - 0.5
    assert torch.equal(maximum_3x3(images), torch.nn.functional.max_pool2d(images, 3, stride=1, padding=1))


def test_erase_is_torchvisions() -> None:
    images = noise(4, 3, 12, 15)
    boxes = torch.tensor([[0.0, 0, 0, 0], [2, 3, 4, 5], [0, 0, 12, 15], [11, 14, 1, 1]])
    ours = erase(images, *boxes.unbind(1))
    for row, (top, left, tall, wide) in enumerate(boxes.int().tolist()):
        expected = F.erase(images[row], top, left, tall, wide, torch.zeros(3, tall, wide))
        assert torch.equal(ours[row], expected)


def test_dropout_drops_the_share_it_is_given_and_the_same_pixels_of_all_channels() -> None:
    items = torch.arange(400)
    share = torch.tensor([0.0, 0.1, 0.5, 1.0]).repeat(100)
    images = torch.ones(400, 3, 27, 31)
    dropped = drop_pixels(images, pixel_noise(7, items, 27, 31), share)
    assert torch.equal(dropped[:, 0], dropped[:, 1])
    lost = 1 - dropped[:, 0].mean((1, 2)).view(100, 4).mean(0)
    assert float(lost[0]) == 0.0
    assert float(lost[3]) == 1.0
    # 83,700 pixels each: a standard deviation of 0.1 and 0.17 per cent
    assert float(lost[1]) == pytest.approx(0.1, abs=0.006)
    assert float(lost[2]) == pytest.approx(0.5, abs=0.01)


def test_noise_of_a_row_is_its_own() -> None:
    items = torch.tensor([3, 900, 3, -5])
    whole = pixel_noise(7, items, 5, 5)
    assert torch.equal(whole[0], whole[2])
    assert not torch.equal(whole[0], whole[1])
    assert torch.equal(whole[1:2], pixel_noise(7, items[1:2], 5, 5))
