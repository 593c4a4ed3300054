"""Tables as CSV, Markdown, LaTeX and HTML. Pure functions of the table: same table, same bytes."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from html import escape
from typing import Any

from metaclr.results.tables.latex import to_latex
from metaclr.results.tables.layout import Block, Table, TableCell

COLUMNS_MD = 6
COLUMNS_HTML = 6


def to_csv(table: Table) -> str:
    """One line per number, with interval, spread and counts in columns of their own (percent, 4 decimals)."""
    import pandas as pd

    frame = pd.DataFrame([_rounded(record) for record in table.records], dtype=object)
    return str(frame.to_csv(index=False, lineterminator="\n"))


def to_markdown(table: Table) -> str:
    """Pipe tables under headings; special characters are escaped."""
    parts = [f"## {_md(table.title)}"]
    for block in table.lay(COLUMNS_MD):
        if block.title:
            parts.append(f"### {_md(block.title)}")
        parts.append(_md_block(block))
    parts.append("\n".join(f"- {_md(note)}" for note in table.notes))
    return "\n\n".join(part for part in parts if part) + "\n"


def _md_block(block: Block) -> str:
    # Pipe tables have one heading line, so the group goes into it, once where it does not repeat itself.
    heads = [f"{group}, {column}" if group and group != column else column for group, column in block.heads]
    lines = [
        f"| {' | '.join([_md(block.corner), *(_md(h) for h in heads)])} |",
        f"|{'|'.join([':---', *(['---:'] * len(heads))])}|",
    ]
    for line in block.lines:
        if line.heading:
            lines.append(f"| *{_md(line.heading)}* |{' |' * len(heads)}")
        cells = [f"**{e.plain}**" if e.bold else e.plain for e in line.entries]
        lines.append(f"| {' | '.join([_md(line.name), *cells])} |")
    return "\n".join(lines)


def _md(text: str) -> str:
    return "".join(f"\\{c}" if c in "\\`*_|<>$[]#~" else c for c in text)


def to_html(table: Table) -> str:
    """A fragment: caption, one <table> per block in a container that scrolls, notes. Styled by its page."""
    blocks = "\n".join(_html_block(block) for block in table.lay(COLUMNS_HTML))
    notes = "\n".join(f"<li>{escape(note)}</li>" for note in table.notes)
    under = f'<ul class="notes">\n{notes}\n</ul>\n' if notes else ""
    return (
        f'<section class="table" id="table-{escape(table.name)}">\n<h3>{escape(table.title)}</h3>\n'
        f"{blocks}\n{under}</section>\n"
    )


def _html_block(block: Block) -> str:
    caption = f"<caption>{escape(block.title)}</caption>" if block.title else ""
    upper = "".join(f'<th colspan="{n}" scope="colgroup">{escape(group)}</th>' for group, n in block.spans)
    two = any(group for group, _ in block.heads)
    lower = "".join(f'<th scope="col">{escape(column)}</th>' for _, column in block.heads)
    corner = f'<th scope="col"{" rowspan=2" if two else ""}>{escape(block.corner)}</th>'
    head = f"<tr>{corner}{upper}</tr>\n<tr>{lower}</tr>" if two else f"<tr>{corner}{lower}</tr>"
    body = "\n".join(
        _html_heading(line.heading, len(block.heads) + 1)
        + f'<tr{" class=rule" if line.rule else ""}><th scope="row">{escape(line.name)}</th>'
        + "".join(f"<td>{_html_entry(e)}</td>" for e in line.entries)
        + "</tr>"
        for line in block.lines
    )
    return f'<div class="scroll"><table>{caption}\n<thead>\n{head}\n</thead>\n<tbody>\n{body}\n</tbody>\n</table></div>'


def _html_heading(heading: str, columns: int) -> str:
    return f"<tr class=family><th colspan={columns}>{escape(heading)}</th></tr>\n" if heading else ""


def _html_entry(entry: TableCell) -> str:
    number = f"<b>{escape(entry.number)}</b>" if entry.bold else escape(entry.number)
    return f"{number} <small>{escape(entry.rest)}</small>" if entry.rest else number


def _rounded(record: Mapping[str, Any]) -> dict[str, Any]:
    # A p value keeps its digits: 1e-9 is not 0.
    return {
        key: ""
        if value is None
        else f"{value:.3g}"
        if key == "p_holm"
        else round(value, 4)
        if isinstance(value, float)
        else value
        for key, value in record.items()
    }


RENDERERS: Mapping[str, Callable[[Table], str]] = {
    "csv": to_csv,
    "md": to_markdown,
    "tex": to_latex,
    "html": to_html,
}
