"""Training curves as drawings in the page: the mean over seeds as a line, their range as a band."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

from metaclr.results.figures.style import looks
from metaclr.results.figures.training_curves import relative_loss, training_accuracy
from metaclr.results.report.svg_axis import Axis, axis
from metaclr.results.store.folder import Results

if TYPE_CHECKING:
    import numpy as np
    from numpy.typing import NDArray

    Curve = tuple[NDArray[np.float64], NDArray[np.float64]]

WIDTH, HEIGHT = 520, 300
_LEFT, _RIGHT, _TOP, _BOTTOM = 46, 8, 10, 40
_POINTS = 120
_DASHES = {"-": "", "--": "6 3", ":": "2 3", "-.": "7 3 2 3"}


@dataclass(frozen=True)
class Line:
    """A method: points of its mean and of the band around it, as SVG coordinates; the band is empty for one seed."""

    method: str
    color: str
    dashes: str
    points: str
    band: str
    seeds: int


@dataclass(frozen=True)
class Panel:
    """One plot with both axes."""

    title: str
    y_label: str
    x: Axis
    y: Axis
    lines: tuple[Line, ...]

    @property
    def seeds(self) -> int:
        """The largest number of seeds of a line."""
        return max(line.seeds for line in self.lines)


_MEASURES: tuple[tuple[str, Callable[[Mapping[str, Any]], Any]], ...] = (
    ("loss / its first value", relative_loss),
    ("training accuracy (%)", training_accuracy),
)


def training_panels(results: Results) -> list[Panel]:
    """Loss relative to its start, and accuracy on a method's own training tasks, per source; those with data."""
    place = {row.run: (row.source, row.method) for row in results.rows}
    sources = list(dict.fromkeys(source for source, _ in place.values()))
    panels = []
    for source in sources:
        for label, measure in _MEASURES:
            curves: dict[str, list[Curve]] = {}
            for run, curve in results.training_curves.items():
                found = _finite(curve, measure(curve)) if place[run][0] == source else None
                if found:
                    curves.setdefault(place[run][1], []).append(found)
            if curves:
                ordered = {m: curves[m] for m in results.methods if m in curves}
                panels.append(_panel(results, ordered, label, source if len(sources) > 1 else ""))
    return panels


def _panel(results: Results, curves: dict[str, list[Curve]], label: str, title: str) -> Panel:
    import numpy as np

    means = {method: _mean(of) for method, of in curves.items()}
    all_y = np.concatenate([y for _, y, _, _ in means.values()])
    first, last = min(float(x[0]) for x, *_ in means.values()), max(float(x[-1]) for x, *_ in means.values())
    x = axis(0.0 if first < last / 4 else first, last, _LEFT, WIDTH - _RIGHT)  # no empty half of a short training
    room = 0.03 * float(all_y.max() - all_y.min())
    y = axis(float(all_y.min()) - room, float(all_y.max()) + room, HEIGHT - _BOTTOM, _TOP)
    look = looks(results)
    lines = []
    for method, (xs, mean, low, high) in means.items():
        seeds = len(curves[method])
        band = [*zip(xs, high, strict=True), *reversed(list(zip(xs, low, strict=True)))] if seeds > 1 else []
        lines.append(
            Line(
                method,
                look[method].color,
                _DASHES[look[method].line],
                _points(x, y, zip(xs, mean, strict=True)),
                _points(x, y, band),
                seeds,
            )
        )
    return Panel(title, label, x, y, tuple(lines))


def _mean(curves: list[Curve]) -> tuple[Any, Any, Any, Any]:
    """x, mean, lowest and highest over the seeds, at the steps of the longest curve, thinned out."""
    import numpy as np

    longest = max((x for x, _ in curves), key=len)
    kept = longest[np.unique(np.linspace(0, len(longest) - 1, _POINTS).round().astype(int))]
    of_seeds = np.stack([np.interp(kept, x, y) for x, y in curves])
    return kept, of_seeds.mean(0), of_seeds.min(0), of_seeds.max(0)


def _points(x: Axis, y: Axis, pairs: Any) -> str:
    return " ".join(f"{x.place(float(a)):g},{y.place(float(b)):g}" for a, b in pairs)


def _finite(curve: Mapping[str, NDArray[np.float64]], y: NDArray[np.float64] | None) -> Curve | None:
    import numpy as np

    if y is None:
        return None
    x = curve["views" if "views" in curve else "step"] / 1000
    kept = np.isfinite(x) & np.isfinite(y)
    return (x[kept], y[kept]) if kept.any() else None
