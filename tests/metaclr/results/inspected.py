"""Inspections and pictures of a synthetic comparison, beside the rows that `conftest` writes."""

from __future__ import annotations

from pathlib import Path

import numpy as np
import torch

from metaclr.evaluation.inspection import ChosenImages, inspect
from metaclr.results.store.folder import load
from metaclr.results.store.inspections import Pictures, TargetPictures, ViewSheet, write_inspections, write_pictures

EACH = 12


def add_pictures(folder: Path, classes: dict[str, int]) -> Path:
    """Features around a center for each class, farther apart for later methods; colored squares as images."""
    results = load(folder)
    targets, chosen, labels = {}, {}, {}
    for target, count in classes.items():
        labels[target] = torch.arange(count).repeat_interleave(EACH)
        some = torch.cat([EACH * c + torch.arange(6) for c in range(min(count, 10))])
        chosen[target] = ChosenImages(torch.arange(count * EACH), some, some[::6].clone())
    for number, run in enumerate(dict.fromkeys(row.run for row in results.rows)):
        of_targets = {}
        for target, count in classes.items():
            generator = torch.Generator().manual_seed(number)
            centers = torch.randn(count, 12, generator=generator) * (0.4 + 0.2 * number)
            features = centers[labels[target]] + torch.randn(count * EACH, 12, generator=generator)
            found = inspect(features, labels[target], chosen[target])
            of_targets[target] = {name: value.numpy() for name, value in vars(found).items()}
        write_inspections(folder / "inspections" / f"{run}.npz", of_targets)
    for target, count in classes.items():
        pixels = np.random.default_rng(0).integers(0, 256, (count * EACH, 1, 6, 6), dtype=np.uint8)
        names = tuple(f"class <{i}>" if count > 20 else f"{i}" for i in range(count))
        ids = np.arange(count * EACH)
        indices = (chosen[target].classified, chosen[target].mapped, chosen[target].queries)
        targets[target] = TargetPictures(names, labels[target].numpy(), *(i.numpy() for i in indices), ids, pixels)
    sheet = np.random.default_rng(1).integers(0, 256, (2, 3, 3, 6, 6), dtype=np.uint8)
    views = ViewSheet("glyphs:source", "gentle", ("simclr", "protonet"), ("image", "support", "query"), sheet)
    write_pictures(folder, Pictures(targets, (views,)))
    return folder
