r"""Tables as LaTeX: `\input` them; the preamble needs \usepackage{booktabs} and nothing else."""

from __future__ import annotations

import re
import unicodedata
from collections.abc import Sequence

from metaclr.results.tables.latex_pages import fits_column, pages
from metaclr.results.tables.latex_width import (
    MIN_LABEL,
    block_width,
    label_room,
    label_width,
    line_width,
    title_room,
    title_width,
)
from metaclr.results.tables.layout import Block, Line, Table, TableCell

COLUMNS = 4
COLUMNS_WIDE = 6
"""Columns of numbers with intervals that a page of one column and of two holds."""

WIDTH, WIDTH_WIDE = 340.0, 450.0
"""Points of a page: \\textwidth is 345 in a 10-point article of one column, 455 and more in those of two."""

WIDTH_COLUMN = 225.0
"""Points of a column of a 10-point article of two columns, where \\columnwidth is 229.5."""

_TEXT = {
    "\\": r"\textbackslash{}", "&": r"\&", "%": r"\%", "$": r"\$", "#": r"\#", "_": r"\_", "{": r"\{", "}": r"\}",
    "~": r"\textasciitilde{}", "^": r"\textasciicircum{}", "<": r"\textless{}", ">": r"\textgreater{}",
    "|": r"\textbar{}", '"': "''", "'": "'", "±": r"$\pm$", "×": r"$\times$", "·": r"$\cdot$",
    "–": "--", "—": "---", "…": r"\ldots{}", "−": "$-$", "→": r"$\to$", "τ": r"$\tau$", "λ": r"$\lambda$",
    "α": r"$\alpha$", "β": r"$\beta$", "µ": r"$\mu$", "μ": r"$\mu$", "≥": r"$\ge$", "≤": r"$\le$", "°": r"$^\circ$",
}  # fmt: skip
# Letters that every LaTeX of this century sets from UTF-8 without a further package.
_LETTERS = set("ÀÁÂÃÄÅÆÇÈÉÊËÌÍÎÏÑÒÓÔÕÖØÙÚÛÜÝßàáâãäåæçèéêëìíîïñòóôõöøùúûüýÿ")


def to_latex(table: Table, *, two_column: bool = False) -> str:
    """Table environments that fit a page of an article: a tabular per block, notes under the last one.

    A table wider than a column of a two-column article spans both (`table*`, which is `table` in one column).
    two_column: as many columns of numbers as the page of a two-column article holds.
    """
    columns, width = (COLUMNS_WIDE, WIDTH_WIDE) if two_column else (COLUMNS, WIDTH)
    floats = pages(_fitting(table, columns, width), table.notes, width)
    parts = []
    name = table.label or f"tab:{table.name}"
    tabular_pages = sum(bool(blocks) for blocks, _ in floats)
    for number, (blocks, notes) in enumerate(floats, start=1):
        last = number == tabular_pages
        lines = "\\\\\n".join(tex(note) for note in notes)
        if blocks and not lines and table.notes:
            lines = "Notes are on the next page." if last else rf"Notes are under Table~\ref{{{name}}}."
        caption = tex(table.title.removesuffix(".")) + (f" ({number} of {tabular_pages})" if tabular_pages > 1 else "")
        head = [rf"\caption{{{caption}.}}", rf"\label{{{name if last else f'{name}-{number}'}}}"]
        tabulars = [_block(block, width) for block in blocks]
        environment = "table*" if two_column or not fits_column(blocks, notes, WIDTH_COLUMN) else "table"
        parts.append(_float(head if blocks else [rf"Notes of Table~\ref{{{name}}}."], tabulars, lines, environment))
    return f"% {table.name}: needs \\usepackage{{booktabs}}\n" + "\n".join(parts)


def _fitting(table: Table, most: int, width: float) -> tuple[Block, ...]:
    """The blocks with as many columns as `width` points hold beside a label that may be broken into lines."""
    for columns in range(most, 1, -1):
        blocks = table.lay(columns)
        if all(block_width(block) - max(0.0, label_width(block) - MIN_LABEL) <= width for block in blocks):
            return blocks
    return table.lay(1)


def _float(head: Sequence[str], tabulars: Sequence[str], notes: str, environment: str) -> str:
    under = [
        "",
        r"\smallskip",
        r"\begin{minipage}{\linewidth}",
        rf"\scriptsize\raggedright {notes}",
        r"\end{minipage}",
    ]
    return "\n".join(
        [
            rf"\begin{{{environment}}}[tbp]",
            r"\centering",
            *head,
            r"\par\smallskip\footnotesize",
            r"\setlength{\tabcolsep}{3pt}",
            "\n\n\\medskip\n".join(tabulars),
            *(under if notes else []),
            rf"\end{{{environment}}}",
            "",
        ]
    )


def tex(text: str) -> str:
    """Text with everything special escaped, and characters that LaTeX may not know replaced by their nearest."""
    return "".join(_character(c) for c in text)


def _character(c: str) -> str:
    if c in _TEXT:
        return _TEXT[c]
    if c.isascii() or c in _LETTERS:
        return c
    plain = unicodedata.normalize("NFKD", c).encode("ascii", "ignore").decode()
    return "".join(_TEXT.get(p, p) for p in plain) or "?"


def _block(block: Block, width: float) -> str:
    room = label_room(block, width)
    lines = [rf"\begin{{tabular}}{{@{{}}l{'r' * len(block.heads)}@{{}}}}"]
    if block.title:
        own = title_room(block, width)
        column = "@{}l" if title_width(block) <= own else rf"@{{}}p{{{own:.0f}pt}}@{{}}"
        title = rf"\raggedright\textbf{{{tex(block.title)}}}" if "p{" in column else rf"\textbf{{{tex(block.title)}}}"
        lines.append(rf"\multicolumn{{{len(block.heads) + 1}}}{{{column}}}{{{title}}} \\")
    lines.append(r"\toprule")
    if any(group for group, _ in block.heads):
        lines += _groups(block)
    heads = " & ".join(tex(part) for part in (block.corner, *(column for _, column in block.heads)))
    lines += [rf"{heads} \\", r"\midrule"]
    for line in block.lines:
        if line.rule:
            lines.append(r"\midrule")
        if line.heading:
            over = len(block.heads) + 1
            lines.append(rf"\addlinespace \multicolumn{{{over}}}{{@{{}}l}}{{\itshape {tex(line.heading)}}} \\")
        lines.append(" & ".join([_label(line, room), *(_entry(e) for e in line.entries)]) + r" \\")
    return "\n".join([*lines, r"\bottomrule", r"\end{tabular}"])


def _label(line: Line, room: float) -> str:
    """The label, and the citation of its paper; in lines of `room` points where it is longer."""
    text = tex(line.label)
    cite = rf"~\cite{{{line.cite}}}" if line.cite else ""
    if line_width(line) <= room:
        return text + cite
    text = re.sub(r"(\\_|[(,=:/-])", r"\1\\allowbreak ", text)
    return rf"\parbox[t]{{{room:.0f}pt}}{{\raggedright\strut {text}{cite}\strut}}"


def _groups(block: Block) -> list[str]:
    """The upper heading, each group above a rule of its own width."""
    cells, rules, start = [""], [], 2
    for group, count in block.spans:
        cells.append(rf"\multicolumn{{{count}}}{{c}}{{{tex(group)}}}")
        if group:
            rules.append(rf"\cmidrule(lr){{{start}-{start + count - 1}}}")
        start += count
    return [" & ".join(cells) + r" \\", "".join(rules)]


def _entry(entry: TableCell) -> str:
    number = tex(entry.number.replace("-", "−") if entry.value is not None else entry.number)
    number = rf"{{\bfseries {number}}}" if entry.bold else number
    return rf"{number} {{\scriptsize {tex(entry.rest)}}}" if entry.rest else number
