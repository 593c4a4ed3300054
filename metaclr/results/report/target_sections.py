"""The parts of the report that show images of a target: classes, nearest neighbors, maps."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass

from metaclr.results.report.class_accuracy import ClassAccuracy, class_accuracy
from metaclr.results.report.image_cards import FeatureMap, NeighborSheet, feature_map, first_runs, neighbor_sheet
from metaclr.results.report.sprites import Sprite, sprite
from metaclr.results.store.folder import Results


@dataclass(frozen=True)
class TargetSection:
    """One target, by the encoders trained on one source. key: the CSS class of its thumbnails."""

    key: str
    target: str
    title: str
    sprite: Sprite
    classes: ClassAccuracy | None
    sheets: tuple[NeighborSheet, ...]
    maps: tuple[FeatureMap, ...]
    examples: Mapping[int, tuple[int, int]]
    """Place of a thumbnail of each class, by its number; of classes that have one."""


def target_sections(results: Results) -> list[TargetSection]:
    """One section per target and source that has inspected images; empty for results without them."""
    places = dict.fromkeys((row.target, row.source) for row in results.rows)
    several = len({source for _, source in places}) > 1
    sprites = {target: sprite(pictures) for target, pictures in results.pictures.targets.items()}
    sections = []
    for target, source in places:
        pictures = results.pictures.targets.get(target)
        runs = first_runs(results, source, target)
        if pictures is None or not runs:
            continue
        sections.append(
            TargetSection(
                f"sprite{list(sprites).index(target)}",
                target,
                f"{target}, trained on {source}" if several else target,
                sprites[target],
                class_accuracy(results, source, target),
                tuple(neighbor_sheet(m, found, pictures, sprites[target]) for m, found in runs.items()),
                tuple(feature_map(m, found, pictures, sprites[target]) for m, found in runs.items()),
                {int(pictures.labels[i]): place for i, place in reversed([*sprites[target].places.items()])},
            )
        )
    return sections
