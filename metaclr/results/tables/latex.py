r"""Tables as LaTeX: `\input` them; the preamble needs \usepackage{booktabs} and nothing else."""

from __future__ import annotations

import unicodedata
from collections.abc import Sequence

from metaclr.results.tables.layout import Block, Table, TableCell

COLUMNS = 4
LINES = 40
"""What a page of an article holds: columns of numbers with intervals, and lines of a table in small type."""

_TEXT = {
    "\\": r"\textbackslash{}", "&": r"\&", "%": r"\%", "$": r"\$", "#": r"\#", "_": r"\_", "{": r"\{", "}": r"\}",
    "~": r"\textasciitilde{}", "^": r"\textasciicircum{}", "<": r"\textless{}", ">": r"\textgreater{}",
    "|": r"\textbar{}", '"': "''", "'": "'", "±": r"$\pm$", "×": r"$\times$", "·": r"$\cdot$",
    "–": "--", "—": "---", "…": r"\ldots{}", "−": "$-$", "→": r"$\to$", "τ": r"$\tau$", "λ": r"$\lambda$",
    "α": r"$\alpha$", "β": r"$\beta$", "µ": r"$\mu$", "μ": r"$\mu$", "≥": r"$\ge$", "≤": r"$\le$", "°": r"$^\circ$",
}  # fmt: skip
# Letters that every LaTeX of this century sets from UTF-8 without a further package.
_LETTERS = set("ÀÁÂÃÄÅÆÇÈÉÊËÌÍÎÏÑÒÓÔÕÖØÙÚÛÜÝßàáâãäåæçèéêëìíîïñòóôõöøùúûüýÿ")


def to_latex(table: Table) -> str:
    """Table environments that fit a page of a one-column article: a tabular per block, notes under the last one."""
    floats = _floats(table.lay(COLUMNS))
    parts = []
    for number, blocks in enumerate(floats, start=1):
        last = number == len(floats)
        label = f"tab:{table.name}" if last else f"tab:{table.name}-{number}"
        notes = "\\\\\n".join(tex(note) for note in table.notes) if last else ""
        see = rf"Notes are under Table~\ref{{tab:{table.name}}}."
        caption = tex(table.title) + (f" ({number} of {len(floats)})" if len(floats) > 1 else "")
        parts.append(_float(caption, label, blocks, notes or see))
    return f"% {table.name}: needs \\usepackage{{booktabs}}\n" + "\n".join(parts)


def _float(caption: str, label: str, blocks: Sequence[Block], notes: str) -> str:
    return "\n".join(
        [
            r"\begin{table}[tbp]",
            r"\centering",
            rf"\caption{{{caption}.}}",
            rf"\label{{{label}}}",
            r"\footnotesize",
            r"\setlength{\tabcolsep}{3pt}",
            "\n\n\\medskip\n".join(_block(block) for block in blocks),
            "",
            r"\smallskip",
            r"\begin{minipage}{\linewidth}",
            rf"\scriptsize\raggedright {notes}",
            r"\end{minipage}",
            r"\end{table}",
            "",
        ]
    )


def _floats(blocks: Sequence[Block]) -> list[list[Block]]:
    """Blocks in groups that fit a page together, with room for the notes."""
    groups: list[list[Block]] = []
    room = 0
    for block in blocks:
        height = len(block.lines) + 5
        if not groups or height > room:
            groups.append([])
            room = LINES
        groups[-1].append(block)
        room -= height
    return groups


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


def _block(block: Block) -> str:
    lines = [rf"\begin{{tabular}}{{@{{}}l{'r' * len(block.heads)}@{{}}}}"]
    if block.title:
        lines.append(rf"\multicolumn{{{len(block.heads) + 1}}}{{@{{}}l}}{{\textbf{{{tex(block.title)}}}}} \\")
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
        lines.append(" & ".join([tex(line.label), *(_entry(e) for e in line.entries)]) + r" \\")
    return "\n".join([*lines, r"\bottomrule", r"\end{tabular}"])


def _groups(block: Block) -> list[str]:
    """The upper heading, each group above a rule of its own width."""
    cells, rules, start = [""], [], 2
    for group, count in block.spans:
        cells.append(rf"\multicolumn{{{count}}}{{c}}{{{tex(group)}}}")
        rules.append(rf"\cmidrule(lr){{{start}-{start + count - 1}}}")
        start += count
    return [" & ".join(cells) + r" \\", "".join(rules)]


def _entry(entry: TableCell) -> str:
    number = tex(entry.number.replace("-", "−") if entry.value is not None else entry.number)
    number = rf"{{\bfseries {number}}}" if entry.bold else number
    return rf"{number} {{\scriptsize {tex(entry.rest)}}}" if entry.rest else number
