"""Name, family, summary, labels and reference of every method, read from its file without running it.

Running a method file imports torch, which takes seconds; a list of methods should not.
"""

from __future__ import annotations

import ast
from dataclasses import dataclass
from pathlib import Path

from metaclr import methods

SHOWN = frozenset({"summary", "labels", "reference", "family"})
"""Fields of a `Method` that are read as literals."""


@dataclass(frozen=True)
class Summary:
    """The fields of a `Method` that a list shows."""

    name: str
    summary: str
    labels: str
    reference: str
    family: str = ""


def summaries() -> list[Summary]:
    """One for each method, sorted by name."""
    return [summary_of(name) for name in methods.names()]


def summary_of(name: str) -> Summary:
    """Summary of the method `name`; a file whose fields are not literals is run."""
    fields = _literals(Path(methods.__file__).with_name(f"{name}.py"))
    if "summary" in fields and "reference" in fields:
        labels = fields.get("labels", "instance")
        return Summary(name, fields["summary"], labels, fields["reference"], fields.get("family", ""))
    method = methods.get(name)
    return Summary(name, method.summary, method.labels, method.reference, method.family)


def _literals(path: Path) -> dict[str, str]:
    """String arguments of `METHOD = Method(...)`; empty if one that is shown is no literal."""
    for node in ast.parse(path.read_text(encoding="utf-8")).body:
        if (
            isinstance(node, ast.Assign)
            and any(isinstance(target, ast.Name) and target.id == "METHOD" for target in node.targets)
            and isinstance(node.value, ast.Call)
            and isinstance(node.value.func, ast.Name)
            and node.value.func.id == "Method"
        ):
            shown = {k.arg: k.value for k in node.value.keywords if k.arg in SHOWN}
            values = {arg: value.value for arg, value in shown.items() if isinstance(value, ast.Constant)}
            if len(values) < len(shown) or any(keyword.arg is None for keyword in node.value.keywords):
                return {}
            return {str(arg): str(value) for arg, value in values.items()}
    return {}
