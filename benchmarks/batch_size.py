"""What is a large batch worth? Accuracy against the batch for NT-Xent, DCL, SogCLR, MoCo and NT-Xent with gradient
caching, at an equal number of views, beside the lower bound of the full contrastive loss that a batch of each size
gives on the embeddings of the encoder that was trained with the largest.

Runs the recipe `batch_size` once for each size (a finished run is kept), and NT-Xent of the largest batch in chunks of
each size. Batch norm sees a batch, or a chunk. Writes batch_size.csv, batch_size.json and batch_size.png.
"""

from __future__ import annotations

import argparse
import csv
import json
from collections.abc import Sequence
from pathlib import Path
from typing import Any

import torch
from torch import Tensor, nn

import metaclr
from episodes import PRESETS, ImageSet, augment
from metaclr.data import load
from metaclr.diagnose.batch_bound import batch_bounds
from metaclr.environment import describe
from metaclr.networks.saved_encoder import load_encoder

SIZES = (16, 32, 64, 128, 256, 512)
"""Views in a batch."""
VIEWS = 51_200
"""Views in all: 100 steps of the largest batch."""
OUT = Path(__file__).parents[1] / "results" / "reference" / "batch_size"
CACHED = "simclr, cached"
LINES: dict[str, dict[str, Any]] = {
    "sogclr": {"linestyle": "--", "markerfacecolor": "white", "zorder": 3},
    CACHED: {"linestyle": ":"},
}
"""SogCLR is DCL as long as no image comes a second time: its line lets the other be seen."""
NAMES = {"simclr": "NT-Xent", "dcl": "DCL", "sogclr": "SogCLR", "moco": "MoCo", CACHED: "NT-Xent, cached"}

Rows = list[dict[str, Any]]


def run(out: Path, sizes: Sequence[int], views: int, device: str) -> Rows:
    """Train and evaluate at every size: a row for each method and size."""
    rows: Rows = []
    for size in sizes:
        lines = [f"train.batch_views={size}", f"train.steps={views // size}"]
        done = metaclr.compare("batch_size", out=out / f"batch-{size}", overrides=lines, device=device)
        rows += rows_of(done.rows, size)
    largest = max(sizes)
    for size in sizes:
        lines = [f"train.batch_views={largest}", f"train.steps={views // largest}", f"train.chunk_views={size}"]
        where = out / f"cached-{size}"
        done = metaclr.compare("batch_size", methods=["simclr"], out=where, overrides=lines, device=device)
        rows += [{**row, "method": CACHED} for row in rows_of(done.rows, size) if row["method"] == "simclr"]
    return rows


def rows_of(frame: Any, size: int) -> Rows:
    """The few-shot accuracies of a comparison."""
    found = frame[frame["evaluator"] == "few-shot"].to_dict("records")
    return [
        {"method": row["method"], "batch": size, "seed": row["seed"], "accuracy": row["value"], "ci95": row["ci95"]}
        for row in found
    ]


def bounds(encoder: nn.Module, images: ImageSet, sizes: Sequence[int], limit: int = 2048) -> dict[int, float]:
    """The bound of each batch of `sizes` views, half as many images, and of all images, on unit features."""
    chosen = torch.randperm(len(images), generator=torch.Generator().manual_seed(0))[:limit]
    pixels = images.images[chosen]
    assert isinstance(pixels, Tensor)
    parts = []
    with torch.inference_mode():
        for view in (0, 1):
            at = torch.full_like(chosen, view)
            drawn = augment(pixels, PRESETS["gentle"], seed=0, step=0, ids=chosen, views=at)
            parts.append(torch.cat([encoder.eval()(part) for part in drawn.split(256)]))  # type: ignore[no-untyped-call]
    counts = [size // 2 for size in sizes if size // 2 < len(chosen)]
    return batch_bounds(torch.stack(parts, 1), [*counts, len(chosen)])


def draw(rows: Rows, bound: dict[int, float], path: Path) -> None:
    """Left: accuracy against the batch, a line for each method. Right: the bound against the batch."""
    from matplotlib.figure import Figure

    figure = Figure(figsize=(7.2, 3.0), layout="constrained")
    left, right = figure.subplots(1, 2)
    for method, name in NAMES.items():
        of = sorted((row for row in rows if row["method"] == method), key=lambda row: row["batch"])
        if of:
            x, y, half = ([row[key] for row in of] for key in ("batch", "accuracy", "ci95"))
            line: dict[str, Any] = {"marker": "o", "markersize": 3.5, "linewidth": 1.2, "elinewidth": 0.8}
            left.errorbar(x, y, yerr=half, label=name, **line, **LINES.get(method, {}))
    ticks = sorted({row["batch"] for row in rows})
    left.set(xscale="log", xlabel="views in memory: batch, or chunk", ylabel="20-way 1-shot accuracy (%)", xticks=ticks)
    *batches, images = bound
    right.plot([2 * b for b in batches], [bound[b] for b in batches], "o-", markersize=3.5, linewidth=1.2)
    right.axhline(bound[images], linestyle=":", color="#555555", label=f"all {images:,} images")
    right.set(xscale="log", xlabel="views in a batch", ylabel="lower bound of the full loss (nats)", xticks=ticks)
    for axes in (left, right):
        axes.minorticks_off()
        axes.set_xticklabels([str(tick) for tick in ticks])
        axes.grid(color="#e4e4e4", linewidth=0.6)
        axes.legend(frameon=False, fontsize=7)
    figure.savefig(path, dpi=200, metadata={"Software": None})


def main(arguments: Sequence[str] | None = None) -> None:
    """See the module's text."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--out", type=Path, default=OUT, help="folder of the results [results/reference/batch_size]")
    parser.add_argument("--runs", type=Path, default=Path("results/batch_size"), help="folder of the comparisons")
    parser.add_argument("--sizes", type=int, nargs="+", default=list(SIZES), help="views in a batch")
    parser.add_argument("--views", type=int, default=VIEWS, help=f"views of each training [{VIEWS:,}]")
    parser.add_argument("--device", default="auto")
    chosen = parser.parse_args(arguments)
    rows = run(chosen.runs, chosen.sizes, chosen.views, chosen.device)
    trained = next((chosen.runs / f"batch-{max(chosen.sizes)}" / "runs").glob("simclr-*"))
    images = load("glyphs:source", size=28)
    bound = bounds(load_encoder(trained, channels=1, size=28), images, chosen.sizes)
    chosen.out.mkdir(parents=True, exist_ok=True)
    with (chosen.out / "batch_size.csv").open("w", newline="", encoding="utf-8") as file:
        table = csv.DictWriter(file, list(rows[0]), lineterminator="\n")
        table.writeheader()
        table.writerows(rows)
    facts = {"views": chosen.views, "bound": bound, "environment": describe(torch.device("cpu"))}
    (chosen.out / "batch_size.json").write_text(json.dumps(facts, indent=1) + "\n", encoding="utf-8")
    draw(rows, bound, chosen.out / "batch_size.png")


if __name__ == "__main__":
    main()
