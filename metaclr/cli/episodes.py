"""`metaclr episodes`: draw tasks and look at them as a picture."""

from __future__ import annotations

from io import BytesIO
from pathlib import Path
from typing import TYPE_CHECKING, Literal

import click

from metaclr.cli._options import data_root_option

if TYPE_CHECKING:
    from torch import Tensor


ENDINGS = ("pdf", "png", "svg")
"""Formats of the picture."""


@click.command(name="episodes", short_help="Draw one task as a picture.")
@click.argument("data", default="glyphs:source")
@click.option("--way", type=int, default=5, show_default=True, help="Ways of the task.")
@click.option("--shot", type=int, default=1, show_default=True, help="Support views of each way.")
@click.option("--query", type=int, default=4, show_default=True, help="Query views of each way.")
@click.option(
    "--way-type",
    "way_type",
    type=click.Choice(["instances", "classes"]),
    default="instances",
    show_default=True,
    help="Make each way of one image, or of a labelled class.",
)
@click.option("--views", default="gentle", show_default=True, help="Render every image by this view recipe.")
@click.option("--step", type=int, default=0, show_default=True, help="Draw the task of this training step.")
@click.option("--seed", type=int, default=0, show_default=True, help="Seed of task and views.")
@click.option("--size", type=int, default=28, show_default=True, help="Resize images to this many pixels a side.")
@click.option(
    "--out", type=click.Path(path_type=Path), default=Path("episode.png"), show_default=True, help="Picture to write."
)
@data_root_option
def command(
    data: str,
    way: int,
    shot: int,
    query: int,
    way_type: str,
    views: str,
    step: int,
    seed: int,
    size: int,
    out: Path,
    data_root: Path | None,
) -> None:
    """Draw one task of DATA: a row is a way, support left of the line, queries right of it."""
    from episodes import PRESETS, EpisodeSampler, TaskShape, render
    from metaclr.data import load
    from metaclr.errors import unknown
    from metaclr.files import check_output_file

    check_output_file(out)
    ending = out.suffix.lower().removeprefix(".") or "png"
    if ending not in ENDINGS:
        raise unknown("ending of --out", ending, ENDINGS)
    if views not in PRESETS:
        raise unknown("views", views, PRESETS)
    image_set = load(data, data_root, size=size)
    kind: Literal["classes", "instances"] = "classes" if way_type == "classes" else "instances"
    episode = EpisodeSampler(image_set, TaskShape(way, shot, query), way_type=kind, seed=seed)(step)
    pixels = render(image_set, episode, PRESETS[views], seed=seed)
    names = [
        image_set.class_name(int(i)) if way_type == "classes" else f"image {int(i)}" for i in episode.labels[0].tolist()
    ]
    _draw(
        pixels[0], names, shot, f"{way}-way {shot}-shot of {data}, views {views}, seed {seed}, step {step}", out, ending
    )
    for name, images in zip(names, episode.images[0].tolist(), strict=True):
        click.echo(f"{name:40} support {images[:shot]}  query {images[shot:]}")
    click.echo(f"picture   {out}")


def _draw(pixels: Tensor, names: list[str], shot: int, title: str, out: Path, ending: str) -> None:
    """Ways down, views across: (N, V, C, H, W) in [0, 1]; written atomically."""
    from matplotlib.figure import Figure

    from metaclr.files import write_atomic

    way, count = pixels.shape[:2]
    figure = Figure(figsize=(1.6 + 0.8 * count, 0.9 + 0.8 * way), layout="constrained")
    axes = figure.subplots(way, count, squeeze=False)
    for row in range(way):
        for column in range(count):
            cell = axes[row][column]
            cell.imshow(pixels[row, column].permute(1, 2, 0).squeeze(-1).numpy(), cmap="gray", vmin=0, vmax=1)
            cell.set_xticks([])
            cell.set_yticks([])
            for spine in cell.spines.values():
                spine.set_color("#c44e52" if column < shot else "#4c72b0")
                spine.set_linewidth(2)
        label = names[row].split("/")[-1]
        axes[row][0].set_ylabel(label[:22], rotation=0, ha="right", va="center", fontsize=8)
    axes[0][0].set_title("support", fontsize=9, color="#c44e52")
    if shot < count:
        axes[0][shot].set_title("query", fontsize=9, color="#4c72b0")
    figure.suptitle(title, fontsize=9)
    buffer = BytesIO()
    figure.savefig(buffer, dpi=150, format=ending)
    write_atomic(out, buffer.getvalue())
