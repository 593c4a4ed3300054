"""One look for every figure: the same color per method, readable at a column's width, safe for the color-blind."""

from __future__ import annotations

import base64
import io
from collections.abc import Collection, Iterator, Sequence
from contextlib import contextmanager
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from matplotlib.figure import Figure

    from metaclr.results.store.folder import Results

WIDTH = 5.5
"""Inches: the text width of a one-column paper, so that 8 pt type stays 8 pt."""
WIDE = 7.2
"""Inches: the width of a page within its margins, for many methods."""

# seaborn's "colorblind" palette, strongest contrasts first; its grey is kept for the controls.
_COLORS = ("#0173b2", "#de8f05", "#029e73", "#cc78bc", "#d55e00", "#56b4e9", "#ca9161", "#b5a400", "#8a2b8f")
_MORE_COLORS = ("#5d3a1a", "#3f4f9f", "#7a8b2f")
CLASS_COLORS = (*_COLORS, "#777777")
"""Colors of up to ten classes of images."""
_MARKERS = ("o", "s", "D", "^", "v", "P", "X", "<", ">")
SHADES = tuple((color, "o", line) for line in ("-", "--", ":") for color in _COLORS)
"""Color, marker and line of the methods of one panel."""
_CONTROLS = ("#777777", "#111111", "#aaaaaa")

_RC: Any = {
    "font.family": "DejaVu Sans",
    "font.size": 8,
    "axes.titlesize": 8,
    "axes.labelsize": 8,
    "xtick.labelsize": 7,
    "ytick.labelsize": 8,
    "legend.fontsize": 7.5,
    "legend.frameon": False,
    "axes.spines.top": False,
    "axes.spines.right": False,
    "axes.linewidth": 0.6,
    "xtick.major.width": 0.6,
    "ytick.major.width": 0.6,
    "axes.grid": True,
    "axes.axisbelow": True,
    "grid.color": "#e4e4e4",
    "grid.linewidth": 0.6,
    "lines.linewidth": 1.3,
    "figure.facecolor": "white",
    "savefig.facecolor": "white",
    "pdf.fonttype": 42,
    "axes.unicode_minus": True,
}


@dataclass(frozen=True)
class LineStyle:
    """How one method is drawn in every figure."""

    color: str
    marker: str
    line: str


@dataclass(frozen=True)
class RenderedFigure:
    """A finished figure: its file name without ending, and its bytes."""

    name: str
    title: str
    caption: str
    png: bytes
    pdf: bytes

    @property
    def entry(self) -> dict[str, str]:
        """What a page shows of it, the PNG in base64."""
        data = base64.b64encode(self.png).decode()
        return {"name": self.name, "title": self.title, "caption": self.caption, "data": data}


def looks(results: Results) -> dict[str, LineStyle]:
    """Color, marker and line style of every method; controls are grey and dashed.

    Many methods have the color of their family, and lines that differ within it.
    """
    if results.families:
        return _of_families(results)
    return looks_of(results.methods, results.controls)


def _of_families(results: Results) -> dict[str, LineStyle]:
    families = list(dict.fromkeys(results.families.values()))
    seen: dict[str, int] = {}
    found = {}
    for method, family in results.families.items():
        number = seen[family] = seen.get(family, -1) + 1
        colors = (*_COLORS, *_MORE_COLORS)
        color = _CONTROLS[0] if method in results.controls else colors[families.index(family) % len(colors)]
        line = ("-", "--", ":", "-.")[number % 4]
        found[method] = LineStyle(color, _MARKERS[number % len(_MARKERS)], line)
    return found


def looks_of(names: Sequence[str], controls: Collection[str] = ("untrained", "pixels")) -> dict[str, LineStyle]:
    """Color, marker and line of each name, in their order; controls are grey and dashed."""
    found = {}
    for i, name in enumerate(one for one in names if one not in controls):
        line = ("-", "--", ":", "-.")[i // len(_COLORS) % 4]
        found[name] = LineStyle(_COLORS[i % len(_COLORS)], _MARKERS[i % len(_MARKERS)], line)
    for i, name in enumerate(one for one in names if one in controls):
        found[name] = LineStyle(_CONTROLS[i % len(_CONTROLS)], "x+1"[i % 3], "--")
    return found


@contextmanager
def style() -> Iterator[None]:
    """Matplotlib's settings inside the block; the caller's own are back after it."""
    import matplotlib as mpl

    with mpl.rc_context():
        mpl.rcdefaults()
        mpl.rcParams.update(_RC)
        yield


def finish(figure: Figure, name: str, title: str, caption: str) -> RenderedFigure:
    """Render to PNG (200 dpi) and PDF, without dates, so that the same results give the same bytes."""
    # Lay out once: an engine, "none" among them, and "tight" boxes would each draw the figure again for every format.
    engine = figure.get_layout_engine()
    if engine is not None:
        engine.execute(figure)
    figure.set_layout_engine(None)
    png, pdf = io.BytesIO(), io.BytesIO()
    figure.savefig(png, format="png", dpi=200, metadata={"Software": None})
    figure.savefig(pdf, format="pdf", metadata={"CreationDate": None, "Producer": None, "Creator": None})
    return RenderedFigure(name, title, caption, png.getvalue(), pdf.getvalue())


def slug(text: str) -> str:
    """A name that is safe in a file name: letters, digits and hyphens."""
    return "-".join("".join(c if c.isascii() and c.isalnum() else " " for c in text).split()) or "x"


def legend_below(figure: Figure, handles: list[Any], labels: list[str]) -> None:
    """One legend for all panels, under them, in as few rows as the width allows."""
    longest = max((len(label) for label in labels), default=1)
    most = max(1, min(len(labels), int(figure.get_figwidth() * 72 / (26 + 4.6 * longest))))
    columns = -(-len(labels) // -(-len(labels) // most))
    figure.legend(handles, labels, loc="outside lower center", ncols=columns, columnspacing=1.2, handlelength=2.0)
