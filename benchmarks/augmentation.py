"""Augmented views a second: metaclr's batched operations against torchvision v2 per sample and kornia.

    python benchmarks/augmentation.py [--threads 2] [--repeats 9] [--batch 512] [--quick] [--json FILE]

The same operations with the same ranges on the same uint8 images, in the same process, one library after the
other in every repeat, so that a busy machine slows all alike: medians with their quartiles, ratios from paired
repeats. torchvision v2 draws its parameters once a call, so independent views need a call per image, on tensors
or on PIL images, as its users' data loaders do; "shared" is the same chain called once on the whole batch,
which gives every image the same view: no substitute, for scale only. kornia (optional) draws per image, as we
do. torchvision and kornia have no stroke width: their `gentle` has less to do. On a GPU: --device cuda.
"""

from __future__ import annotations

import argparse
import json
import statistics
import time
from collections.abc import Callable
from dataclasses import asdict, dataclass
from importlib import import_module, metadata
from importlib.util import find_spec
from pathlib import Path

import torch
from torch import Tensor
from torchvision.transforms.v2.functional import to_pil_image

from episodes import PRESETS, ViewRecipe, augment
from metaclr.environment import describe

Chain = Callable[[Tensor], Tensor]


@dataclass(frozen=True)
class Row:
    """What one library does with one chain."""

    chain: str
    library: str
    views_per_s: int
    quartiles: tuple[int, int]
    metaclr_over_it: float


CHAINS: dict[str, tuple[ViewRecipe, int, int, str]] = {
    "simclr 3x32x32": (PRESETS["simclr"], 3, 32, "random resized crop, flip, color jitter, grey"),
    "gentle 1x28x28": (PRESETS["gentle"], 1, 28, "affine, elastic, stroke width"),
    "affine 1x28x28": (ViewRecipe(rotate=10, zoom=(0.85, 1.15), shear=0.1, shift=0.1), 1, 28, "affine"),
}


def ours(recipe: ViewRecipe, count: int, device: str) -> Chain:
    """metaclr: uint8 (B, C, H, W) to float32."""
    ids, views = torch.arange(count, device=device) // 2, torch.arange(count, device=device) % 2
    step = iter(range(1 << 62))
    return lambda images: augment(images, recipe, seed=0, step=next(step), ids=ids, views=views)


def theirs_torchvision(name: str) -> Callable[[object], Tensor]:
    """The chain in torchvision v2, with torchvision's own classes, for a tensor or a PIL image."""
    from torchvision.transforms import v2

    to_float = v2.ToDtype(torch.float32, scale=True)
    if name.startswith("simclr"):
        chain = [
            v2.RandomResizedCrop(32, scale=(0.08, 1.0), antialias=True),
            v2.RandomHorizontalFlip(),
            v2.RandomApply([v2.ColorJitter(0.4, 0.4, 0.4, 0.1)], p=0.8),
            v2.RandomGrayscale(0.2),
        ]
    else:
        shear, shift = 5.71, 0.05  # a slope of 0.1, and 0.1 half-images
        affine = v2.RandomAffine(
            10,
            translate=(shift, shift),
            scale=(0.85, 1.15),
            shear=(-shear, shear, -shear, shear),
            interpolation=v2.InterpolationMode.BILINEAR,
        )
        chain = [affine] if name.startswith("affine") else [affine, v2.ElasticTransform(alpha=20.0, sigma=5.0)]
    # Pixels stay uint8 until the end, torchvision's own advice for speed; PIL images become tensors there.
    whole: Callable[[object], Tensor] = v2.Compose([*chain, v2.ToImage(), to_float])
    return whole


def theirs_kornia(name: str, size: int) -> Chain | None:
    """The chain in kornia, float32 as it needs; None where kornia is not installed."""
    if find_spec("kornia") is None:
        return None
    k = import_module("kornia.augmentation")
    if name.startswith("simclr"):
        chain = [
            k.RandomResizedCrop((size, size), scale=(0.08, 1.0)),
            k.RandomHorizontalFlip(),
            k.ColorJitter(0.4, 0.4, 0.4, 0.1, p=0.8),
            k.RandomGrayscale(p=0.2),
        ]
    else:
        affine = k.RandomAffine(10, translate=(0.05, 0.05), scale=(0.85, 1.15), shear=(-5.71, 5.71, -5.71, 5.71), p=1.0)
        elastic = k.RandomElasticTransform(kernel_size=(15, 15), sigma=(5.0, 5.0), alpha=(1.0, 1.0), p=1.0)
        chain = [affine] if name.startswith("affine") else [affine, elastic]
    sequence = torch.nn.Sequential(*chain)
    return lambda images: sequence(images.to(torch.float32) / 255)


def seconds(chain: Chain, images: Tensor) -> float:
    """Wall-clock seconds of one call, the device's work included."""
    if images.is_cuda:
        torch.cuda.synchronize()
    start = time.perf_counter()
    chain(images)
    if images.is_cuda:
        torch.cuda.synchronize()
    return time.perf_counter() - start


def per_sample(chain: Callable[[object], Tensor], images: list[object]) -> Chain:
    """A chain called once for each of these images (the timed call's own are the same)."""
    return lambda _: torch.stack([chain(image) for image in images])


def measure(name: str, batch: int, repeats: int, device: str) -> list[Row]:
    """One row per library: median views a second, quartiles, and our speed over theirs from paired repeats."""
    recipe, channels, size, _ = CHAINS[name]
    generator = torch.Generator().manual_seed(0)
    images = torch.randint(0, 256, (batch, channels, size, size), dtype=torch.uint8, generator=generator).to(device)
    # Slow chains run on a part of the batch, enough for milliseconds.
    runs: dict[str, tuple[Chain, Tensor]] = {"metaclr": (ours(recipe, batch, device), images)}
    torchvision, part = theirs_torchvision(name), images[: max(1, batch // 16)]
    pictures: list[object] = [to_pil_image(image) for image in part.cpu()]
    runs["torchvision v2, per tensor"] = (per_sample(torchvision, list(part)), part)
    runs["torchvision v2, per PIL image"] = (per_sample(torchvision, pictures), part)
    runs["torchvision v2, shared"] = (torchvision, images)
    kornia = theirs_kornia(name, size)
    if kornia is not None:
        runs["kornia"] = (kornia, images)
    rates: dict[str, list[float]] = {library: [] for library in runs}
    for repeat in range(repeats + 2):  # two to warm up
        for library, (chain, rows) in runs.items():
            rate = len(rows) / seconds(chain, rows)
            if repeat >= 2:
                rates[library].append(rate)
    return [_row(name, library, values, rates["metaclr"]) for library, values in rates.items()]


def _row(name: str, library: str, rates: list[float], reference: list[float]) -> Row:
    low, middle, high = statistics.quantiles(rates, n=4, method="inclusive")
    ratio = statistics.median(ours / theirs for ours, theirs in zip(reference, rates, strict=True))
    return Row(name, library, round(middle), (round(low), round(high)), round(ratio, 2))


def _version(package: str) -> str | None:
    try:
        return metadata.version(package)
    except metadata.PackageNotFoundError:
        return None


def main() -> None:
    """Measure every chain, print the table, then JSON."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--threads", type=int, default=2)
    parser.add_argument("--repeats", type=int, default=9)
    parser.add_argument("--batch", type=int, default=512)
    parser.add_argument("--device", default="cpu")
    parser.add_argument("--quick", action="store_true", help="every part, small: numbers not to be quoted")
    parser.add_argument("--json", type=Path, help="also write the JSON here")
    options = parser.parse_args()
    if options.quick:
        options.repeats, options.batch = 2, 256
    torch.set_num_threads(options.threads)
    rows = []
    print(f"{'chain':16s} {'library':29s} {'views/s':>9s}  {'quartiles':>17s}  metaclr is faster by")
    for name in CHAINS:
        rows += (measured := measure(name, options.batch, options.repeats, options.device))
        for row in measured:
            low, high = row.quartiles
            print(
                f"{row.chain:16s} {row.library:29s} {row.views_per_s:9,d}  {low:>8,d}-{high:<8,d}"
                f"  {row.metaclr_over_it:.1f}",
                flush=True,
            )
    packages = ("torch", "torchvision", "kornia", "metaclr")
    report = {
        "benchmark": "augmentation",
        "rows": [asdict(row) for row in rows],
        "operations": {name: chain[3] for name, chain in CHAINS.items()},
        "batch": options.batch,
        "repeats": options.repeats,
        "threads": options.threads,
        "environment": describe(torch.device(options.device)),
        "versions": {package: _version(package) for package in packages},
    }
    text = json.dumps(report, indent=1)
    print(text)
    if options.json:
        options.json.write_text(text + "\n")


if __name__ == "__main__":
    main()
