"""Which blocks and notes of a table stand on one page of an article."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import replace
from math import ceil

from metaclr.results.tables.latex_width import (
    NOTE_EM,
    block_width,
    label_room,
    line_width,
    text_width,
    title_room,
    title_width,
)
from metaclr.results.tables.layout import Block, Line

HEIGHT = 510.0
"""Points of \\textheight in a 10-point article, 550, without a caption of two lines and the gaps around a float."""

_LINE, _RULE, _NOTE_LINE = 9.5, 5.0, 8.0
"""Points of a line in \\footnotesize, of a rule of booktabs with its gaps, and of a line in \\scriptsize."""


def pages(blocks: Sequence[Block], notes: Sequence[str], width: float) -> list[tuple[list[Block], list[str]]]:
    """Blocks and notes in groups that fit a page of `width` points; the notes come last, apart if there is no room."""
    parts = [part for block in blocks for part in _split_tall(block, width)]
    groups: list[tuple[list[Block], list[str]]] = []
    room = 0.0
    for block in parts:
        height = block_height(block, width)
        if not groups or height > room:
            groups.append(([], []))
            room = HEIGHT
        groups[-1][0].append(block)
        room -= height
    tall = [_note_height(note, width) for note in notes]
    if sum(tall) > room and len(groups[-1][0]) > 1 and sum(tall) <= HEIGHT - block_height(parts[-1], width):
        groups[-1][0].pop()
        groups.append(([parts[-1]], []))
        room = HEIGHT - block_height(parts[-1], width)
    if sum(tall) > room:
        groups.append(([], []))
        room = HEIGHT
    for note, height in zip(notes, tall, strict=True):
        if height > room and groups[-1][1]:
            groups.append(([], []))
            room = HEIGHT
        groups[-1][1].append(note)
        room -= height
    return groups


def fits_column(blocks: Sequence[Block], notes: Sequence[str], width: float) -> bool:
    """Whether blocks and notes fit a column of `width` points; False for notes alone."""
    height = sum(block_height(block, width) for block in blocks) + sum(_note_height(note, width) for note in notes)
    return bool(blocks) and max(map(block_width, blocks)) <= width and height <= HEIGHT


def block_height(block: Block, width: float) -> float:
    """Points of a block on a page of `width` points, with the gap below it; long labels take several lines."""
    titles = ceil(1.05 * title_width(block) / title_room(block, width)) if block.title else 0
    heads = 1 + titles + any(group for group, _ in block.heads)
    room = label_room(block, width)
    lines = heads + sum(_rows(line, room) + bool(line.heading) for line in block.lines)
    rules = 5 + sum(line.rule or bool(line.heading) for line in block.lines)
    return _LINE * lines + _RULE * rules


def _split_tall(block: Block, width: float) -> list[Block]:
    """The block in parts that each fit a page."""
    if block_height(block, width) <= HEIGHT or len(block.lines) < 2:
        return [block]
    half = len(block.lines) // 2
    parts = (replace(block, lines=lines) for lines in (block.lines[:half], block.lines[half:]))
    return [small for part in parts for small in _split_tall(part, width)]


def _rows(line: Line, room: float) -> int:
    """Lines of type of a label; one that is broken wastes the ends of its lines."""
    width = line_width(line)
    return 1 if width <= room else ceil(1.2 * width / room)


def _note_height(note: str, width: float) -> float:
    return _NOTE_LINE * ceil(1.05 * text_width(note, NOTE_EM) / width)
