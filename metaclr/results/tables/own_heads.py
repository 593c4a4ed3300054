"""Which classifier each method was measured with in few-shot columns, for the notes under a table."""

from __future__ import annotations

import re
from collections.abc import Sequence

from metaclr.results.store.rows import Row


def own_heads(rows: Sequence[Row]) -> list[str]:
    """Phrases for the few-shot note: the common head, and for columns named "method" the head of each method."""
    common = dict.fromkeys(_head(row) for row in rows if row.evaluator == "few-shot")
    phrases = [f"{', '.join(common)} on frozen features"] if any(common) else []
    by_head: dict[str, list[str]] = {}
    for row in rows:
        if row.evaluator.startswith("few-shot method"):
            methods = by_head.setdefault(_head(row), [])
            if row.method not in methods:
                methods.append(row.method)
    if by_head:
        listed = "; ".join(f"{', '.join(methods)}: {head}" for head, methods in by_head.items())
        phrases.append(f"in columns named method, each method's own classifier ({listed})")
    return phrases


def _head(row: Row) -> str:
    """The value of `head` in the protocol of a row."""
    found = re.search(r"(?:^|; |: )head=([^;]*)", row.protocol)
    return found.group(1).strip() if found else ""
