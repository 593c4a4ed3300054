"""Pose against torchvision's functional operations at fixed parameters, one image at a time."""

from __future__ import annotations

from math import atan, degrees

import pytest
import torch
from torch import Tensor
from torchvision.transforms import InterpolationMode
from torchvision.transforms.v2 import functional as F

from episodes.errors import EpisodeError
from episodes.operations import geometry
from episodes.operations.elastic import displacement, spline_basis
from episodes.operations.quarter_turns import quarter_turns
from episodes.operations.sample import keep_inside, sample, sampling_grid

BILINEAR = InterpolationMode.BILINEAR
TOLERANCE = {"atol": 3e-5, "rtol": 0.0}  # pixels are in [0, 1]; float32 coordinates are off by 1e-6 of a pixel


def noise(rows: int, channels: int, height: int, width: int, seed: int = 0) -> Tensor:
    generator = torch.Generator().manual_seed(seed)
    return torch.rand(rows, channels, height, width, generator=generator)


def warp(images: Tensor, theta: Tensor) -> Tensor:
    return sample(images, sampling_grid(theta, *images.shape[-2:]))


def test_the_grid_is_affine_grid_with_the_coordinates_in_front() -> None:
    theta = torch.randn(5, 2, 3, generator=torch.Generator().manual_seed(1))
    theirs = torch.nn.functional.affine_grid(theta, [5, 1, 9, 14], align_corners=False)
    torch.testing.assert_close(sampling_grid(theta, 9, 14).permute(0, 2, 3, 1), theirs, atol=1e-6, rtol=0)


@pytest.mark.parametrize(("channels", "height", "width"), [(1, 28, 28), (3, 32, 32), (3, 24, 40)])
def test_affine_is_torchvisions(channels: int, height: int, width: int) -> None:
    images = noise(6, channels, height, width)
    angle = torch.tensor([0.0, 15, -80, 140, 10, -10])
    zoom = torch.tensor([1.0, 1.2, 0.7, 1, 1.4, 0.9])
    shear_x = torch.tensor([0.0, 0.3, -0.2, 0, 0.1, 0.25])
    shear_y = torch.tensor([0.0, -0.1, 0.2, 0.4, 0.1, 0.0])
    # torchvision shifts by whole pixels; half-images are pixels over half the size.
    right, down = torch.tensor([0, 3, -2, 1, 0, 5]), torch.tensor([0, -4, 2, 0, 1, 5])
    theta = geometry.affine(
        angle, zoom, shear_x, shear_y, right / (width / 2), down / (height / 2), aspect=width / height
    )
    ours = warp(images, theta)
    for row in range(6):
        shear = [degrees(atan(shear_x[row])), degrees(atan(shear_y[row]))]
        theirs = F.affine(
            images[row],
            angle=float(angle[row]),
            translate=[int(right[row]), int(down[row])],
            scale=float(zoom[row]),
            shear=shear,
            interpolation=BILINEAR,
        )
        torch.testing.assert_close(ours[row], theirs, **TOLERANCE)


@pytest.mark.parametrize("angle", [-33.0, 7.5, 90.0, 180.0])
def test_rotation_is_torchvisions(angle: float) -> None:
    images = noise(2, 3, 32, 32)
    none = torch.zeros(2)
    # torchvision's rotate turns counter-clockwise, its affine clockwise; ours follows affine.
    ours = warp(images, geometry.affine(torch.full((2,), -angle), none + 1, none, none, none, none))
    torch.testing.assert_close(ours, F.rotate(images, angle, interpolation=BILINEAR), **TOLERANCE)


@pytest.mark.parametrize("antialias", [True, False])
@pytest.mark.parametrize(("height", "width"), [(32, 32), (28, 40)])
def test_crop_is_torchvisions_resized_crop(height: int, width: int, antialias: bool) -> None:
    images = noise(5, 3, height, width)
    boxes = torch.tensor(
        [[0, 0, height, width], [0, 0, 8, 9], [5, 7, 20, 13], [height - 9, width - 9, 9, 9], [3, 2, 1, 1]]
    )
    top, left, tall, wide = boxes.unbind(1)
    size = torch.stack([wide / width, tall / height], dim=-1)
    center = torch.stack([(2 * left + wide) / width - 1, (2 * top + tall) / height - 1], dim=-1)
    theta = geometry.crop(geometry.identity(top), center, size)
    ours = sample(images, keep_inside(sampling_grid(theta, height, width), center, size))
    for row, box in enumerate(boxes.tolist()):
        theirs = F.resized_crop(images[row], *box, size=[height, width], antialias=antialias)
        torch.testing.assert_close(ours[row], theirs, **TOLERANCE)


def test_flips_mirror() -> None:
    images = noise(4, 3, 20, 28)
    theta = geometry.flip(
        geometry.identity(torch.arange(4)),
        torch.tensor([False, True, False, True]),
        torch.tensor([False, False, True, True]),
    )
    expected = [
        images[0],
        F.horizontal_flip(images[1]),
        F.vertical_flip(images[2]),
        F.vertical_flip(F.horizontal_flip(images[3])),
    ]
    center = torch.zeros(4, 2)
    grid = keep_inside(sampling_grid(theta, 20, 28), center, center + 1)
    torch.testing.assert_close(sample(images, grid), torch.stack(expected), **TOLERANCE)


def test_turns_in_the_map_are_rot90() -> None:
    images = noise(4, 1, 28, 28)
    ours = warp(images, geometry.turn(geometry.identity(torch.arange(4)), torch.arange(4)))
    torch.testing.assert_close(ours, torch.stack([torch.rot90(images[k], k, (1, 2)) for k in range(4)]), **TOLERANCE)


def test_a_crop_then_a_flip_reads_the_crop() -> None:
    images = noise(1, 3, 32, 32)
    size, center = torch.full((1, 2), 0.5), torch.full((1, 2), -0.5)
    theta = geometry.flip(
        geometry.crop(geometry.identity(torch.zeros(1)), center, size),
        torch.tensor([True]),
        torch.tensor([False]),
    )
    ours = sample(images, keep_inside(sampling_grid(theta, 32, 32), center, size))
    theirs = F.horizontal_flip(F.resized_crop(images, 0, 0, 16, 16, size=[32, 32]))
    torch.testing.assert_close(ours, theirs, **TOLERANCE)


def test_elastic_is_torchvisions_at_the_same_displacement() -> None:
    images = noise(3, 3, 28, 36)
    knots = torch.rand(3, 2, 6, 6, generator=torch.Generator().manual_seed(2))
    field = displacement(knots, 0.1, 28, 36)
    grid = sampling_grid(geometry.identity(torch.arange(3)), 28, 36) + field
    for row in range(3):
        theirs = F.elastic(
            images[row],
            displacement=field[row].permute(1, 2, 0).unsqueeze(0),
            interpolation=BILINEAR,
            fill=None,
        )
        torch.testing.assert_close(sample(images[row : row + 1], grid[row : row + 1])[0], theirs, **TOLERANCE)


def test_spline_weights_add_up_and_reproduce_a_line() -> None:
    basis = spline_basis(3, 28, torch.zeros(1, dtype=torch.float64))
    torch.testing.assert_close(basis.sum(1), torch.ones(28, dtype=torch.float64))
    line = basis @ torch.arange(6, dtype=torch.float64)
    torch.testing.assert_close(line.diff(), torch.full((27,), 3 / 28, dtype=torch.float64))


def test_displacement_has_the_stated_size_and_is_smooth() -> None:
    knots = torch.rand(4000, 2, 6, 6, generator=torch.Generator().manual_seed(3))
    field = displacement(knots, 0.04, 28, 28)
    assert field.shape == (4000, 2, 28, 28)
    assert float(field.square().mean().sqrt()) == pytest.approx(0.04, rel=0.03)
    assert float(field.mean().abs()) < 0.001
    assert float(field.diff(dim=-1).abs().max()) < 0.04  # no fold: neighbours stay 2 / 28 apart


def test_quarter_turns_are_exact_for_rows_and_for_ways() -> None:
    images = torch.randint(0, 256, (7, 3, 11, 11), dtype=torch.uint8, generator=torch.Generator().manual_seed(4))
    turns = torch.tensor([0, 1, 2, 3, 4, -1, 2])
    expected = torch.stack([torch.rot90(image, int(k), (1, 2)) for image, k in zip(images, turns, strict=True)])
    assert torch.equal(quarter_turns(images, turns), expected)

    pixels = noise(2 * 3 * 4, 1, 9, 9).view(2, 3, 4, 1, 9, 9)
    ways = torch.tensor([[0, 1, 2], [3, 2, 1]])
    turned = quarter_turns(pixels, ways)
    for t in range(2):
        for n in range(3):
            assert torch.equal(turned[t, n], torch.rot90(pixels[t, n], int(ways[t, n]), (2, 3)))


def test_quarter_turns_refuse_what_is_not_square() -> None:
    with pytest.raises(EpisodeError, match="square"):
        quarter_turns(torch.zeros(2, 1, 4, 5), torch.zeros(2, dtype=torch.int64))
    with pytest.raises(EpisodeError, match="do not lead"):
        quarter_turns(torch.zeros(2, 1, 4, 4), torch.zeros(3, dtype=torch.int64))
