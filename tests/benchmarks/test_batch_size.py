"""The batch-size study's own parts: its rows, its bound on an untrained encoder, its figure. It trains nothing here."""

import sys
from importlib.util import module_from_spec, spec_from_file_location
from pathlib import Path
from typing import Any

import pandas as pd
import torch

from episodes import ImageSet
from metaclr.networks import build_encoder
from metaclr.recipe import resolve
from metaclr.recipe.files import find, read


def study() -> Any:
    spec = spec_from_file_location("batch_size", Path(__file__).parents[2] / "benchmarks" / "batch_size.py")
    assert spec
    assert spec.loader
    module = sys.modules.setdefault(spec.name, module_from_spec(spec))
    spec.loader.exec_module(module)
    return module


def test_rows_bound_and_figure(tmp_path: Path) -> None:
    module = study()
    frame = pd.DataFrame({
        "evaluator": ["few-shot", "knn"], "method": ["simclr", "simclr"], "seed": [0, 0], "value": [70.0, 1.0],
        "ci95": [1.0, 1.0],
    })  # fmt: skip
    rows = [row for size in (8, 16) for row in module.rows_of(frame, size)]
    assert [(row["batch"], row["accuracy"]) for row in rows] == [(8, 70.0), (16, 70.0)]
    images = ImageSet(torch.randint(0, 256, (60, 1, 28, 28), dtype=torch.uint8))
    bound = module.bounds(build_encoder("conv4", 1, 28, seed=0, width=4), images, (8, 16))
    assert list(bound) == [4, 8, 60]
    assert bound[4] <= bound[8] + 0.01 <= bound[60] + 0.02
    module.draw(rows, bound, tmp_path / "figure.png")
    assert (tmp_path / "figure.png").stat().st_size > 10_000


def test_the_recipe_and_the_study_agree() -> None:
    module = study()
    recipe = resolve(read(find("batch_size")))
    assert {method.name for method in recipe.methods} | {module.CACHED} == set(module.NAMES)
    assert all(module.VIEWS % size == 0 for size in module.SIZES)
