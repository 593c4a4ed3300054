"""The images that a report shows: thumbnails of inspected images, and sample views of every method."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import TYPE_CHECKING, Any

import torch
import torch.nn.functional as F
from torch import Tensor

from metaclr.comparison.runs.training import task_shape, views_for
from metaclr.data.described.view_sheet import draw_views
from metaclr.evaluation.inspection import choose_images, class_examples
from metaclr.results.store.inspections import TargetPictures, ViewSheet, read_inspections

if TYPE_CHECKING:
    from metaclr.comparison.planning.plan import Plan
    from metaclr.comparison.runs.run import Run
    from metaclr.evaluation import Target

THUMBNAIL = 48
"""Pixels of the longer side of a thumbnail; smaller images keep theirs."""
MAX_CLASSES = 600
"""Classes of a target up to which each has a thumbnail."""
ROWS, COLUMNS = 4, 8
"""Images of a sheet of views, and views of each."""


def target_pictures(folder: Path, targets: Mapping[str, Target]) -> dict[str, TargetPictures]:
    """Thumbnails of the images that `inspections/*.npz` of a comparison name, by target."""
    paths = sorted((folder / "inspections").glob("*.npz"))
    inspected = [read_inspections(path) for path in paths]
    found = {}
    for name, target in targets.items():
        if target.images.labels is None:
            continue
        chosen = choose_images(target.images)
        neighbors = [torch.from_numpy(of[name]["neighbors"]).flatten() for of in inspected if name in of]
        if not neighbors:
            continue
        images = target.images
        examples = class_examples(images.required_labels(), chosen.classified)
        shown = [examples] if images.classes <= MAX_CLASSES else []
        ids = torch.unique(torch.cat([chosen.mapped, chosen.queries, *shown, *neighbors]))
        found[name] = TargetPictures(
            class_names=tuple(images.class_name(label) for label in range(images.classes)),
            labels=images.required_labels().numpy(),
            classified=chosen.classified.numpy(),
            mapped=chosen.mapped.numpy(),
            queries=chosen.queries.numpy(),
            ids=ids.numpy(),
            pixels=_thumbnails(images.images[ids].float() / 255),
        )
    return found


def view_sheets(plan: Plan) -> tuple[ViewSheet, ...]:
    """A sheet for each source and way of drawing views, with the methods that train on such views."""
    groups: list[tuple[Run, Any, list[str]]] = []
    for run in plan.runs:
        if not run.method.trained or run.seed != plan.runs[0].seed:
            continue
        views = views_for(run, plan.recipe, task_shape(run, plan.recipe, plan.sources[run.source]))
        for first, same, titles in groups:
            if first.source == run.source and _ends(same) == _ends(views):
                titles.append(run.entry.title)
                break
        else:
            groups.append((run, views, [run.entry.title]))
    return tuple(_sheet(plan, run, views, titles) for run, views, titles in groups)


def _sheet(plan: Plan, run: Run, views: Any, titles: list[str]) -> ViewSheet:
    support, query = _ends(views)
    half = COLUMNS // 2
    same = support == query
    heads = ["view"] * COLUMNS if same else ["support"] * half + ["query"] * half
    pixels = draw_views(
        plan.sources[run.source], [support] * half + [query] * half, images=ROWS, views=COLUMNS, seed=run.seed
    )
    small = _thumbnails(pixels.flatten(0, 1)).reshape(len(pixels), COLUMNS + 1, *_small(pixels.shape[2:]))
    name = run.entry.views or (plan.recipe.views if plan.recipe.views_mode == "shared" else run.method.views)
    return ViewSheet(run.source, str(name or plan.recipe.views), tuple(titles), ("image", *heads), small)


def _ends(views: Any) -> tuple[Any, Any]:
    """The recipe of the support and of the query views."""
    return (views[0], views[-1]) if isinstance(views, list) else (views, views)


def _small(shape: Sequence[int]) -> tuple[int, int, int]:
    """(C, h, w) of the thumbnail of an image (C, H, W)."""
    channels, height, width = shape
    scale = min(1.0, THUMBNAIL / max(height, width))
    return channels, max(1, round(scale * height)), max(1, round(scale * width))


def _thumbnails(pixels: Tensor) -> Any:
    """uint8 (B, C, h, w) of float pixels (B, C, H, W) in [0, 1]."""
    size = _small(pixels.shape[1:])
    if size != tuple(pixels.shape[1:]):
        pixels = F.interpolate(pixels, size[1:], mode="bilinear", antialias=True, align_corners=False)
    return (255 * pixels.clamp(0, 1)).round().byte().numpy()
