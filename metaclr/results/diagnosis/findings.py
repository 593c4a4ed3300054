"""What a diagnosis found, in computed sentences."""

from __future__ import annotations

from collections.abc import Sequence

from metaclr.diagnose.measured import Measured

SPREAD = 0.1
"""`spread` below which an embedding is called collapsed: its rows have nearly one direction."""


def findings(measured: Sequence[Measured]) -> list[str]:
    """A sentence about each embedding that has collapsed, and about the extremes of the first layer."""
    lines = [
        f"{one.label}, {one.layer}: all images have nearly the same embedding (spread {one.numbers['spread']:.2g}; "
        "even: 1). The encoder has collapsed."
        for one in measured
        if one.numbers["spread"] < SPREAD
    ]
    lines += [
        f"{one.label}, {one.layer}: {one.numbers['collapsed']:.0f} of {one.numbers['dimensions']:.0f} directions are "
        f"collapsed (variance below 1e-4 of the largest).{_too_few(one)}"
        for one in measured
        if one.numbers["collapsed"] > 0 and one.numbers["spread"] >= SPREAD
    ]
    for layer in dict.fromkeys(one.layer for one in measured):
        of = [one for one in measured if one.layer == layer]
        if len({one.label for one in of}) > 1:
            lines.append(_extremes(of, layer))
    return lines or ["No direction of any embedding is collapsed."]


def _too_few(one: Measured) -> str:
    """Where there are fewer images than dimensions, some directions are empty whatever the encoder."""
    images = len(one.variances)  # of fewer images than dimensions there is one of each
    if images >= one.numbers["dimensions"]:
        return ""
    return f" {images} images span {images - 1} directions at most: take more images to tell how many collapsed."


def _extremes(measured: Sequence[Measured], layer: str) -> str:
    even = min(measured, key=lambda one: one.numbers["uniformity"])
    rank = max(measured, key=lambda one: one.numbers["rank"])
    text = (
        f"Among the {layer}, {even.label} covers the sphere most evenly (uniformity {even.numbers['uniformity']:.2f}), "
        f"{rank.label} has the highest RankMe ({rank.numbers['rank']:.1f})"
    )
    known = [one for one in measured if "simplex" in one.numbers]
    if known:
        near = min(known, key=lambda one: one.numbers["simplex"])
        text += f", the class means of {near.label} are nearest to a simplex ({near.numbers['simplex']:.3f})"
    return f"{text}."
