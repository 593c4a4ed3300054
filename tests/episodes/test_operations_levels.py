"""Solarize, posterize, equalize, autocontrast, sharpness, RandAugment and AugMix against torchvision's functional."""

from __future__ import annotations

from itertools import pairwise
from math import atan, degrees

import pytest
import torch
from torch import Tensor
from torchvision.transforms import InterpolationMode
from torchvision.transforms.v2 import AugMix, RandAugment
from torchvision.transforms.v2 import functional as F

from episodes import PRESETS, Rendering, ViewRecipe, augment, to_float
from episodes.operations.aug_mix import AugMix as OurAugMix
from episodes.operations.autocontrast import autocontrast
from episodes.operations.equalize import equalize
from episodes.operations.one_of import CHOICES, amounts, one_of
from episodes.operations.posterize import posterize
from episodes.operations.rand_augment import RandAugment as OurRandAugment
from episodes.operations.sharpness import adjust_sharpness
from episodes.operations.solarize import solarize
from episodes.view_recipe import STREAMS, draw_parameters, keys_of
from tests.episodes.test_rendering import episodes, images

TOLERANCE = {"atol": 3e-6, "rtol": 0.0}
ALL = ViewRecipe(
    solarize=0.5,
    solarize_threshold=(0.2, 0.9),
    posterize=0.5,
    posterize_bits=(2, 6),
    autocontrast=0.5,
    equalize=0.5,
    sharpness=0.5,
    rand_augment=2,
    aug_mix=3,
)


def photographs(rows: int, channels: int, height: int, width: int) -> Tensor:
    """uint8 values as floats, of low contrast, with a flat channel and a flat image."""
    generator = torch.Generator().manual_seed(5)
    pixels = torch.randint(40, 200, (rows, channels, height, width), dtype=torch.uint8, generator=generator)
    pixels[0] = 77
    pixels[1, 0] = 3
    return to_float(pixels)


@pytest.mark.parametrize("channels", [1, 3])
def test_solarize_and_posterize_are_torchvisions(channels: int) -> None:
    x = photographs(6, channels, 12, 17)
    threshold = torch.tensor([0.0, 0.2, 0.5, 0.7, 1.0, 0.31])
    expected = torch.stack([F.solarize(row, float(t)) for row, t in zip(x, threshold, strict=True)])
    torch.testing.assert_close(solarize(x, threshold), expected, **TOLERANCE)
    bits = torch.tensor([1.0, 2, 3, 5, 7, 8])
    expected = torch.stack([F.posterize(row, int(b)) for row, b in zip(x, bits, strict=True)])
    torch.testing.assert_close(posterize(x, bits), expected, **TOLERANCE)
    assert torch.equal(posterize(x, torch.zeros(6)), x)
    assert torch.equal(solarize(x, torch.full((6,), 2.0)), x)


@pytest.mark.parametrize(("channels", "height", "width"), [(1, 28, 28), (3, 33, 40), (3, 8, 8)])
def test_equalize_and_autocontrast_are_torchvisions(channels: int, height: int, width: int) -> None:
    x = photographs(5, channels, height, width)
    torch.testing.assert_close(equalize(x), torch.stack([F.equalize(row) for row in x]), **TOLERANCE)
    torch.testing.assert_close(autocontrast(x), torch.stack([F.autocontrast(row) for row in x]), **TOLERANCE)


def test_sharpness_is_torchvisions() -> None:
    x = photographs(5, 3, 12, 17)
    factor = torch.tensor([0.0, 0.4, 1.0, 1.7, 4.0])
    expected = torch.stack([F.adjust_sharpness(row, float(f)) for row, f in zip(x, factor, strict=True)])
    torch.testing.assert_close(adjust_sharpness(x, factor), expected, **TOLERANCE)
    assert torch.equal(adjust_sharpness(x[..., :2], factor), x[..., :2])


def theirs(image: Tensor, name: str, amount: float) -> Tensor:
    """torchvision's functional operation of that name on one image."""
    half = image.shape[-1] / 2
    affine = {"angle": 0.0, "translate": [0, 0], "scale": 1.0, "shear": [0.0, 0.0]}
    bend = degrees(atan(amount))
    poses = {
        "shear_x": affine | {"shear": [bend, 0.0]},
        "shear_y": affine | {"shear": [0.0, bend]},
        "translate_x": affine | {"translate": [round(amount * half), 0]},
        "translate_y": affine | {"translate": [0, round(amount * half)]},
        "rotate": affine | {"angle": amount},
    }
    if name in poses:
        posed: Tensor = F.affine(image, **poses[name], interpolation=InterpolationMode.BILINEAR)  # type: ignore[arg-type]
        return posed
    functions = {
        "identity": lambda x: x,
        "brightness": lambda x: F.adjust_brightness(x, 1 + amount),
        "color": lambda x: F.adjust_saturation(x, 1 + amount),
        "contrast": lambda x: F.adjust_contrast(x, 1 + amount),
        "sharpness": lambda x: F.adjust_sharpness(x, 1 + amount),
        "posterize": lambda x: F.posterize(x, int(amount)),
        "solarize": lambda x: F.solarize(x, amount),
        "autocontrast": F.autocontrast,
        "equalize": F.equalize,
    }
    made: Tensor = functions[name](image)
    return made


def test_one_of_applies_the_chosen_operation_and_no_other() -> None:
    x = photographs(len(CHOICES), 3, 24, 24)
    values = [0.0, 0.3, -0.2, 0.25, -0.5, 21.0, 0.4, -0.6, 0.5, 0.9, 4.0, 0.6, 0.0, 0.0]
    found = one_of(x, torch.arange(len(CHOICES)), torch.tensor(values))
    for row, (name, amount) in enumerate(zip(CHOICES, values, strict=True)):
        torch.testing.assert_close(found[row], theirs(x[row], name, amount), atol=3e-5, rtol=0, msg=name)


def test_amounts_are_torchvisions_tables() -> None:
    spaces = ((RandAugment._AUGMENTATION_SPACE, 31, 300 / 331, 8), (AugMix._AUGMENTATION_SPACE, 10, 2 / 3, 4))
    for space, bins, shift, bits in spaces:
        for place, name in enumerate(CHOICES):
            key = "AutoContrast" if name == "autocontrast" else "".join(part.title() for part in name.split("_"))
            if key not in space:
                continue
            table = space[key][0](bins, 100, 100)
            level = torch.arange(bins) / (bins - 1)
            ours = amounts(
                torch.full((bins,), place), level, torch.zeros(bins, dtype=torch.bool), shift=shift, bits=bits
            )
            if table is None:
                assert not ours.any()
            elif "Translate" in key:
                torch.testing.assert_close(ours * 50, table, rtol=0, atol=1e-4)
            else:
                torch.testing.assert_close(ours, table.float(), rtol=0, atol=1e-5)


def drawn(recipe: ViewRecipe, count: int) -> dict[str, Tensor]:
    ids = torch.arange(count)
    keys = dict(zip(STREAMS, keys_of(0, 0), strict=True))
    of = draw_parameters(recipe, keys=keys, ids=ids, views=ids % 3, channels=3, height=16, width=16)
    return {name: values for parameters in of.values() for name, values in parameters.items()}


def test_rand_augment_draws_every_operation_alike() -> None:
    found = drawn(ViewRecipe(rand_augment=2, rand_augment_magnitude=30), 20_000)
    share = torch.bincount(found["rand_choice"].flatten(), minlength=len(CHOICES)) / 40_000
    torch.testing.assert_close(share, torch.full_like(share, 1 / 14), atol=0.005, rtol=0)
    turned = found["rand_amount"][found["rand_choice"] == CHOICES.index("rotate")]
    torch.testing.assert_close(turned.abs(), torch.full_like(turned, 30.0))
    assert abs(float(turned.sign().mean())) < 0.06
    assert OurRandAugment in ViewRecipe.__bases__


def test_augmix_weights_are_a_dirichlet_times_a_beta() -> None:
    found = drawn(ViewRecipe(aug_mix=3), 20_000)
    weight = found["mix_weight"]
    torch.testing.assert_close(weight.sum(1), torch.ones(20_000))
    assert bool((weight >= 0).all())
    assert float(weight[:, 0].mean()) == pytest.approx(0.5, abs=0.01)
    assert float(weight[:, 0].var()) == pytest.approx(1 / 12, abs=0.003)
    chains = weight[:, 1:] / weight[:, 1:].sum(1, keepdim=True)
    assert float(chains.var(0).mean()) == pytest.approx(1 / 18, abs=0.003)  # of Dirichlet(1, 1, 1)
    length = (found["mix_choice"] > 0).sum(2)
    assert torch.bincount(length.flatten(), minlength=4).tolist()[0] == 0
    assert float((length == 3).float().mean()) == pytest.approx(1 / 3, abs=0.01)
    assert OurAugMix in ViewRecipe.__bases__


def test_new_operations_leave_the_random_numbers_of_the_others_as_they_were() -> None:
    from dataclasses import replace

    before, after = drawn(PRESETS["simclr"], 50), drawn(replace(ALL, **vars(PRESETS["simclr"]) | vars_of(ALL)), 50)
    for name, values in before.items():
        assert torch.equal(values, after[name]), name


def vars_of(recipe: ViewRecipe) -> dict[str, object]:
    plain = vars(ViewRecipe())
    return {name: value for name, value in vars(recipe).items() if value != plain[name]}


@pytest.mark.parametrize("channels", [1, 3])
def test_rows_do_not_depend_on_the_batch(channels: int) -> None:
    pixels = images(channels).images
    ids = torch.arange(40)
    whole = augment(pixels, ALL, seed=0, step=1, ids=ids, views=ids % 2)
    assert float(whole.min()) >= 0
    assert float(whole.max()) <= 1
    parts = [
        augment(pixels[a:b], ALL, seed=0, step=1, ids=ids[a:b], views=ids[a:b] % 2) for a, b in pairwise([0, 7, 8, 40])
    ]
    # A level may move by a last bit before it is rounded.
    assert float(((torch.cat(parts) - whole).abs() > 1e-5).float().mean()) < 1e-3


def test_one_compiled_program_gives_the_same_pixels() -> None:
    data = images()
    rendering, sampler = Rendering(data, ALL, seed=3), episodes(data)
    for step in range(2):
        rendering.compile()
        found = rendering(sampler(step))
        rendering.eager()
        assert float(((found - rendering(sampler(step))).abs() > 1e-4).float().mean()) < 1e-2


@pytest.mark.skipif(not torch.cuda.is_available(), reason="no CUDA device")
def test_a_gpu_draws_the_same_without_waiting() -> None:
    pixels, ids = images().images, torch.arange(40)
    here = augment(pixels, ALL, seed=0, step=0, ids=ids, views=ids)
    far, far_ids = pixels.cuda(), ids.cuda()
    torch.cuda.set_sync_debug_mode("error")
    try:
        there = augment(far, ALL, seed=0, step=0, ids=far_ids, views=far_ids)
    finally:
        torch.cuda.set_sync_debug_mode("default")
    assert float(((there.cpu() - here).abs() > 1e-3).float().mean()) < 1e-2
