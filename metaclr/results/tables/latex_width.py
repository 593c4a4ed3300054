"""How wide a block of a table is in LaTeX, from the widths of the letters of Computer Modern."""

from __future__ import annotations

from functools import cache

from metaclr.results.tables.layout import Block, Line

COLUMN_GAP = 6.0
"""Points between two columns: \\setlength{\\tabcolsep}{3pt}."""

# Widths of cmr10 in em (its TFM file), by groups of letters of one width; capitals, 0.75 on average, below.
_WIDTHS = {
    0.278: "ijl.,:;'!|", 0.333: " -`", 0.389: "()t[]", 0.394: "rs", 0.444: "cez", 0.5: "0123456789agoxvy/*",
    0.528: "kq", 0.556: "bdhnpu", 0.306: "f", 0.722: "wCD", 0.833: "m%", 0.778: "±+=<>&×−OQ", 0.681: "EPZ", 0.653: "F",
    0.361: "I", 0.514: "J", 0.625: "L", 0.917: "M", 1.0: "→", 1.028: "W",
}  # fmt: skip
_OTHER = 0.75
_FOOTNOTE, NOTE_EM = 8 * 1.07, 7 * 1.14
"""Points of an em in \\footnotesize and \\scriptsize of a 10-point article: small designs are wider."""
_BOLD = 1.15
"""Bold digits of cmbx10 against those of cmr10."""
_PER_CHARACTER = 0.2
"""Points added for each character, for what kerning and rounding leave open."""


def block_width(block: Block) -> float:
    """Points that a block takes in the type of `to_latex`."""
    columns = [column_width(block, i) for i in range(len(block.heads))]
    at = 0
    for group, count in block.spans:
        gaps = COLUMN_GAP * (count - 1)
        missing = text_width(group) - sum(columns[at : at + count]) - gaps
        columns[at + count - 1] += max(0.0, missing)  # TeX widens the last column of a span
        at += count
    return label_width(block) + sum(COLUMN_GAP + width for width in columns)


MIN_TITLE = 120.0
"""Points that a block's title has before it is broken into lines, however narrow the block is."""


def title_room(block: Block, width: float) -> float:
    """Points for a line of a block's title on a page of `width` points: as wide as the block."""
    return max(min(block_width(block), width), MIN_TITLE)


def title_width(block: Block) -> float:
    """Points of a block's title, which is bold, in one line."""
    return text_width(block.title) * _BOLD


MIN_LABEL = 60.0
"""Points that a label keeps before it is broken into lines."""


def label_room(block: Block, width: float) -> float:
    """Points for the labels of a block on a page of `width` points."""
    return max(MIN_LABEL, label_width(block) - max(0.0, block_width(block) - width))


def label_width(block: Block) -> float:
    """Points of the widest label of a block."""
    return max(text_width(block.corner), *(line_width(line) for line in block.lines))


def column_width(block: Block, i: int) -> float:
    """Points of column i: the widest of its heading and its cells."""
    widths = [text_width(block.heads[i][1])]
    for line in block.lines:
        cell = line.entries[i]
        number = text_width(cell.number) * (_BOLD if cell.bold else 1)
        widths.append(number + (text_width(" ") + text_width(cell.rest, NOTE_EM) if cell.rest else 0))
    return max(widths)


def line_width(line: Line) -> float:
    """Points of a line's label, with room for the number of its citation."""
    return text_width(line.label) + (text_width(" [999]") if line.cite else 0)


def text_width(text: str, em: float = _FOOTNOTE) -> float:
    """Points of a text that is set in one line."""
    widths = _by_letter()
    return sum(em * widths.get(letter, _OTHER) + _PER_CHARACTER for letter in text)


@cache
def _by_letter() -> dict[str, float]:
    return {letter: width for width, letters in _WIDTHS.items() for letter in letters}
