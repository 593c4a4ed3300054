"""Figures, findings and table of a diagnosis, from embeddings whose geometry is known."""

from __future__ import annotations

import math

import numpy as np
import pytest
import torch

from metaclr.diagnose.measured import Measured, choose_pictured, measure
from metaclr.results.diagnosis.findings import findings
from metaclr.results.diagnosis.maps import _density, circle_figure
from metaclr.results.diagnosis.similarity import lowest
from metaclr.results.diagnosis.table import diagnosis_table
from metaclr.results.figures.style import style
from metaclr.results.tables.formats import to_markdown

LABELS = torch.arange(60) % 3


def of(features: torch.Tensor, label: str) -> Measured:
    views = features.view(30, 2, -1)
    return measure(label, label, "projected", features, LABELS, views, LABELS[:30], choose_pictured(LABELS, 60))


def test_the_circle_is_drawn_for_two_dimensions_alone() -> None:
    angle = LABELS * 2 * math.pi / 3 + 0.05 * torch.randn(60, generator=torch.Generator().manual_seed(0))
    flat = of(torch.stack([angle.cos(), angle.sin()], 1), "flat")
    deep = of(torch.randn(60, 5, generator=torch.Generator().manual_seed(1)), "deep")
    shown = LABELS[choose_pictured(LABELS, 60).shown].tolist()
    with style():
        assert circle_figure([deep], shown, ["a", "b", "c"]) is None
        drawn = circle_figure([deep, flat], shown, ["a", "b", "c"])
    assert drawn is not None
    assert len(drawn.png) > 5000
    at = np.linspace(-math.pi, math.pi, 50)
    even = np.linspace(-math.pi, math.pi, 2000, endpoint=False)
    np.testing.assert_allclose(_density(even, at), 0.5, rtol=1e-3)
    assert float(_density(np.zeros(9), at)[0]) < 1e-6  # nothing on the other side


def test_findings_name_what_has_collapsed() -> None:
    source = torch.Generator().manual_seed(0)
    point = torch.ones(60, 4) + 1e-4 * torch.randn(60, 4, generator=source)
    line = torch.randn(60, 2, generator=source) @ torch.randn(2, 6, generator=source)
    even = torch.randn(60, 4, generator=source)
    said = findings([of(point, "point"), of(line, "plane"), of(even, "even")])
    assert said[0].startswith("point, projected: all images have nearly the same embedding")
    assert "plane, projected: 4 of 6 directions are collapsed" in said[1]
    assert "even covers the sphere most evenly" in said[2]
    (few,) = findings([of(torch.randn(60, 90, generator=source), "few")])
    assert "31 of 90 directions are collapsed" in few
    assert "60 images span 59 directions at most" in few
    assert findings([of(even, "even")]) == ["No direction of any embedding is collapsed."]


def test_the_table_has_three_digits_and_says_what_a_number_is() -> None:
    one = of(torch.randn(60, 4, generator=torch.Generator().manual_seed(0)), "mine")
    text = to_markdown(diagnosis_table([one], "60 images"))
    assert f"{one.numbers['uniformity']:.2f}"[:5] in text
    assert "| 4 |" in text
    assert "RankMe: exp of the entropy" in text


def test_a_histogram_begins_where_its_pairs_do() -> None:
    counts = torch.zeros(400, dtype=torch.int64)
    counts[300:] = 10
    assert lowest(counts, torch.linspace(-1, 1, 401)) == pytest.approx(0.5)
