"""Reference pages of the documentation, generated from the code: methods, settings, commands, the Python interface."""

from __future__ import annotations

import ast
import inspect
import re
import sys
import textwrap
from collections.abc import Iterator, Mapping
from dataclasses import is_dataclass
from functools import cache
from pathlib import Path
from typing import Any

sys.path.insert(0, str(Path(__file__).parent))

from formula_svg import formula_svg

COMMON = {
    "temperature": "logits are divided by it",
    "learn_temperature": "learn log(1/temperature), starting at `temperature`",
    "similarity": "of a query and a column: dot product, cosine, or negative squared Euclidean distance",
    "size": "embeddings in the queue",
    "parts": "tasks that the ways of a batch are divided into",
    "labels": "what makes two views positives: their image, given classes, or clusters",
    "weight": "factor of this term",
    "0": "weight of this term of the sum",
}
"""Meanings of settings that several classes share, by the last part of their name."""

METHOD_SETTINGS = ("way", "shot", "query", "projector", "views", "support_views", "task_transform")
"""Settings that every method takes, beside those of its objective."""


def pages() -> dict[str, str]:
    """Path below docs/ -> Markdown."""
    found = {"reference/methods/index.md": methods_index(), "reference/commands.md": commands_page()}
    found |= {f"reference/methods/{name}.md": method_page(name) for name in method_names()}
    found |= {f"reference/settings/{name}.md": text for name, text in settings_pages().items()}
    return found | {"reference/python.md": python_page()}


def method_names() -> list[str]:
    """All shipped methods, by family and name."""
    from metaclr import methods
    from metaclr.methods.families import place

    return sorted(methods.names(), key=lambda name: (place(methods.get(name).family), name))


def methods_index() -> str:
    """A table of all methods under the headings of their families."""
    from metaclr import methods
    from metaclr.methods.families import grouped

    names = method_names()
    lines = [
        "# Methods",
        "",
        f"{len(names)} methods, each a file of `metaclr/methods/`. `metaclr methods` lists them too.",
    ]
    for heading, of_family in grouped({name: methods.get(name).family for name in names}, names):
        lines += ["", f"## {heading}", "", "| method | what it is | reference |", "|:--|:--|:--|"]
        for name in of_family:
            method = methods.get(name)
            lines.append(f"| [{name}]({name}.md) | {_cell(method.summary)} | {_cell(linked(method.reference))} |")
    return "\n".join(lines) + "\n"


def method_page(name: str) -> str:
    """Summary, formula, axes, parameters with defaults and meanings, how to use it, BibTeX."""
    from metaclr import methods
    from metaclr.methods.bibliography import bibtex
    from metaclr.methods.families import heading

    method = methods.get(name)
    labels = {"given": "the source's labels", "cluster": "clusters of its own embeddings"}.get(method.labels, "none")
    lines = [
        f"# {name}",
        "",
        f"{method.summary[0].upper()}{method.summary[1:]}.",
        "",
        f"- Reference: {linked(method.reference)}",
        f"- Family: {heading(method.family)}",
        f"- Labels: {labels}",
    ]
    if method.formula:
        lines += ["", "## Loss of a query", "", formula_svg(method.formula), "", f"`{method.formula}`", ""]
        lines.append("q query, s support, k other rows, mu prototype, z embedding, + the query's own, tau temperature.")
    parameters = list(parameter_rows(method))
    lines += ["", "## Parameters", ""]
    if parameters:
        lines += ["| parameter | default | meaning |", "|:--|:--|:--|"]
        lines += [f"| `{key}` | `{value}` | {_cell(text)} |" for key, value, text in parameters]
    else:
        lines.append("None: it is not trained." if not method.trained else "None of its own.")
    if method.trained:
        given = next(((key, value) for key, value, _ in parameters if key == "temperature"), ("train.steps", "500"))
        key = f"{name}.{given[0]}" if given[0] == "temperature" else given[0]
        lines += [
            "",
            "```bash",
            f"metaclr compare --methods {name},{'simclr' if name != 'simclr' else 'protonet'} --set {key}={given[1]}",
            "```",
        ]
    lines += ["", "## On the axes of the bridge", "", "| axis or setting | value |", "|:--|:--|"]
    from metaclr.methods.differences import settings

    lines += [f"| {key} | `{_cell(value)}` |" for key, value in settings(method).items()]
    cited = bibtex([(name, method.reference)])
    lines += ["", "## Citation", "", "```bibtex", cited.strip(), "```"]
    return "\n".join(lines) + "\n"


def parameter_rows(method: Any) -> Iterator[tuple[str, Any, str]]:
    """(key, default, meaning) of everything that `--set METHOD.KEY=VALUE` takes."""
    docs = {**field_docs(type(method))}
    for key, value in method.defaults.items():
        yield key, value, _meaning(method, key)
    if method.trained:
        for key in METHOD_SETTINGS:
            value = getattr(method, key)
            yield key, "the comparison's" if value in ("", None) else value, docs.get(key, "")


def _meaning(method: Any, key: str) -> str:
    """What the class that has a setting says of it."""
    *owners, name = key.split(".")
    value = method.objective
    for owner in owners:
        value = value[int(owner)] if owner.isdigit() else getattr(value, owner, None)
    for cls in (type(value), *_learner_settings(method)):
        text = field_docs(cls).get(name, "")
        if text:
            return text
    return COMMON.get(name, "")


def _learner_settings(method: Any) -> tuple[type, ...]:
    """Dataclasses that document the settings of a learner of its own (MAML and its relatives): those of its module."""
    if method.learner is None:
        return ()
    named = vars(sys.modules[inspect.unwrap(method.learner).__module__]).values()
    return tuple(cls for cls in named if inspect.isclass(cls) and is_dataclass(cls))


def settings_pages() -> dict[str, str]:
    """A page per table of a recipe, a section per key."""
    from metaclr.recipe import model

    tables = {
        "comparison": ("", model.CompareRecipe),
        "data": ("data.", model.DataRecipe),
        "encoder": ("encoder.", model.EncoderRecipe),
        "train": ("train.", model.TrainRecipe),
        "evaluate": ("evaluate.", model.EvaluateRecipe),
        "few_shot": ("evaluate.few_shot.", model.FewShotRecipe),
        "low_label": ("evaluate.low_label.", model.LowLabelRecipe),
        "cluster": ("cluster.", model.ClusterRecipe),
    }
    found = {name: _settings_page(name, prefix, cls) for name, (prefix, cls) in tables.items()}
    index = ["# Settings", "", "Keys of a recipe (TOML), or of `--set KEY=VALUE`; every table has its page.", ""]
    index += [f"- [{name}]({name}.md): {_first_line(cls)}" for name, (_, cls) in tables.items()]
    return {"index": "\n".join(index) + "\n", **found}


def _settings_page(name: str, prefix: str, cls: Any) -> str:
    from metaclr.recipe import model

    docs = field_docs(cls)
    lines = [f"# {name}", "", inspect.cleandoc(cls.__doc__ or "")]
    for key, field in cls.model_fields.items():
        default = field.get_default(call_default_factory=True)
        if isinstance(default, model.Strict):
            lines += ["", f"## {prefix}{key}", "", f"A table of its own: [{key}]({key}.md)."]
            continue
        legal = [str(rule) for rule in field.metadata if re.match(r"(Ge|Gt|Le|Lt)\(", str(rule))]
        text = docs.get(key) or field.description or ""
        annotation = (
            str(inspect.formatannotation(field.annotation)).replace("typing.", "").replace("metaclr.recipe.model.", "")
        )
        lines += ["", f"## {prefix}{key}", "", *([text[0].upper() + text[1:], ""] if text else [])]
        lines += [f"- Type: `{annotation}`" + (f", {_range(legal)}" if legal else ""), f"- Default: `{default!r}`"]
    return "\n".join(lines) + "\n"


def _range(legal: list[str]) -> str:
    words = {"Ge": "at least", "Gt": "above", "Le": "at most", "Lt": "below"}
    return ", ".join(f"{words[rule[:2]]} {rule.split('=')[1].rstrip(')')}" for rule in legal)


def commands_page() -> str:
    """The help text of every command."""
    import click

    from metaclr.cli import VERBS, cli

    lines = ["# Commands", "", "```text", _help(cli, click.Context(cli, info_name="metaclr")), "```"]
    for verb in VERBS:
        context = click.Context(cli, info_name="metaclr")
        command = cli.get_command(context, verb)
        assert command is not None
        lines += ["", f"## metaclr {verb}", "", "```text", _help(command, click.Context(command, context, verb)), "```"]
    return "\n".join(lines) + "\n"


def _help(command: Any, context: Any) -> str:
    context.terminal_width = context.max_content_width = 96
    return str(command.get_help(context))


def python_page() -> str:
    """Signature and docstring of every public name."""
    import metaclr

    lines = ["# Python", "", "```text", inspect.cleandoc(metaclr.__doc__ or ""), "```"]
    for name in metaclr.__all__:
        value = getattr(metaclr, name)
        lines += ["", f"## metaclr.{name}", ""]
        if inspect.isfunction(value):
            arguments = [str(p) for p in inspect.signature(value).parameters.values()]
            lines += ["```python", f"{name}(", *(f"    {a}," for a in arguments), ")", "```", ""]
        lines += ["```text", inspect.cleandoc(value.__doc__ or ""), "```"]
    return "\n".join(lines) + "\n"


@cache
def field_docs(cls: type) -> Mapping[str, str]:
    """What a class says of its fields: the string below a field, or 'name: text' in the class's docstring."""
    found: dict[str, str] = {}
    for base in reversed(cls.__mro__[:-1]):
        try:
            tree = ast.parse(textwrap.dedent(inspect.getsource(base)))
        except (OSError, TypeError, SyntaxError):
            continue
        (body,) = (node.body for node in tree.body if isinstance(node, ast.ClassDef))
        text = " ".join((inspect.getdoc(base) or "").split())
        for node, after in zip(body, [*body[1:], None], strict=True):
            if not (isinstance(node, ast.AnnAssign) and isinstance(node.target, ast.Name)):
                continue
            name = node.target.id
            if (
                isinstance(after, ast.Expr)
                and isinstance(after.value, ast.Constant)
                and isinstance(after.value.value, str)
            ):
                found[name] = " ".join(after.value.value.split())
            elif said := re.search(
                rf"(?:^|[.,;] |\bor )(?:[a-z_0-9]+, )*{name}(?:, [a-z_0-9]+)*: (.+?)(?=(?<!al)\.(?: |$)|$)", text
            ):
                found[name] = said[1]
    return found


def linked(reference: str) -> str:
    """The reference with links to the papers it names, as Markdown."""
    return re.sub(r"arXiv:(\d{4}\.\d{4,5})", r"[arXiv:\1](https://arxiv.org/abs/\1)", reference)


def _first_line(cls: Any) -> str:
    return inspect.cleandoc(cls.__doc__ or "").splitlines()[0]


def _cell(text: str) -> str:
    return " ".join(str(text).split()).replace("|", "\\|")
