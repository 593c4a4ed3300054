"""What each encoder makes of single images: nearest-neighbor sheets and 2-D maps, a card for each method."""

from __future__ import annotations

import math
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

from metaclr.results.figures.style import CLASS_COLORS
from metaclr.results.report.sprites import Sprite
from metaclr.results.report.svg_axis import axis
from metaclr.results.store.folder import Results
from metaclr.results.store.inspections import TargetPictures

if TYPE_CHECKING:
    from collections.abc import Mapping

    from numpy.typing import NDArray

MAP_SIDE = 220
_MAP_MARGIN = 8


@dataclass(frozen=True)
class Neighbor:
    """A thumbnail. same: whether it has the query's class; None for the query itself."""

    place: tuple[int, int]
    tip: str
    same: bool | None = None


@dataclass(frozen=True)
class NeighborSheet:
    """The query images of a target, each with its nearest neighbors by one encoder."""

    method: str
    rows: tuple[tuple[Neighbor, ...], ...]

    @property
    def hits(self) -> tuple[int, int]:
        """Neighbors of the query's class, and all neighbors."""
        found = [n.same for row in self.rows for n in row if n.same is not None]
        return sum(found), len(found)


@dataclass(frozen=True)
class MapPoint:
    """An image on the map: pixels, and the place of its thumbnail."""

    x: float
    y: float
    place: tuple[int, int]


@dataclass(frozen=True)
class FeatureMap:
    """Images of a few classes on the first two principal components of one encoder's features, or placed by UMAP.

    classes: (name, color, points); variance: percent of the variance of both components together, NaN of UMAP.
    """

    method: str
    classes: tuple[tuple[str, str, tuple[MapPoint, ...]], ...]
    variance: float

    @property
    def is_linear(self) -> bool:
        """Whether it is one of principal components."""
        return not math.isnan(self.variance)


def first_runs(results: Results, source: str, target: str) -> dict[str, Mapping[str, NDArray[Any]]]:
    """The inspection of each method's first seed, in the order of the tables."""
    runs: dict[str, Mapping[str, NDArray[Any]]] = {}
    for row in sorted(results.rows, key=lambda row: row.seed):
        if row.source == source and target in results.inspections.get(row.run, {}):
            runs.setdefault(row.method, results.inspections[row.run][target])
    return {method: runs[method] for method in results.methods if method in runs}


def neighbor_sheet(
    method: str, found: Mapping[str, NDArray[Any]], pictures: TargetPictures, sprite: Sprite
) -> NeighborSheet:
    """A row for each query: its thumbnail, then its neighbors, the most similar first."""
    names, labels = pictures.class_names, pictures.labels
    rows = []
    for query, neighbors, cosines in zip(pictures.queries, found["neighbors"], found["similarity"], strict=True):
        own = labels[query]
        row = [Neighbor(sprite.places[int(query)], f"query: {names[own]}")]
        row += [
            Neighbor(sprite.places[int(i)], f"{names[labels[i]]}\ncosine {cosine:.3f}", bool(labels[i] == own))
            for i, cosine in zip(neighbors, cosines, strict=True)
        ]
        rows.append(tuple(row))
    return NeighborSheet(method, tuple(rows))


def feature_map(method: str, found: Mapping[str, NDArray[Any]], pictures: TargetPictures, sprite: Sprite) -> FeatureMap:
    """The mapped images with the same scale on both axes."""
    places = found["coordinates"]
    middle = (places.max(0) + places.min(0)) / 2
    reach = max(float((places.max(0) - places.min(0)).max()) / 2, 1e-6)
    x = axis(float(middle[0]) - reach, float(middle[0]) + reach, _MAP_MARGIN, MAP_SIDE - _MAP_MARGIN)
    y = axis(float(middle[1]) - reach, float(middle[1]) + reach, MAP_SIDE - _MAP_MARGIN, _MAP_MARGIN)
    points: dict[int, list[MapPoint]] = {}
    for index, (a, b) in zip(pictures.mapped, places, strict=True):
        point = MapPoint(x.place(float(a)), y.place(float(b)), sprite.places[int(index)])
        points.setdefault(int(pictures.labels[index]), []).append(point)
    classes = tuple(
        (pictures.class_names[label], CLASS_COLORS[number % len(CLASS_COLORS)], tuple(of))
        for number, (label, of) in enumerate(points.items())
    )
    return FeatureMap(method, classes, 100 * float(found["variance"].sum()))
