"""The documentation: its examples run, its commands exist, its generated pages cover the code, and the site builds."""

from __future__ import annotations

import os
import re
import shlex
import subprocess
import sys
from importlib.util import find_spec, module_from_spec, spec_from_file_location
from pathlib import Path
from types import ModuleType

import click
import pytest

from metaclr import methods
from metaclr.cli import cli
from metaclr.recipe import model, read, resolve

ROOT = Path(__file__).parents[2]
DOCS = ROOT / "docs"
PAGES = sorted(path for path in DOCS.rglob("*.md"))
WITH_PYTHON = [path for path in PAGES if "```python" in path.read_text(encoding="utf-8")]
HANDWRITTEN = ("first_steps", "concepts", "views", "encoder", "method", "evaluator")


def module(name: str) -> ModuleType:
    sys.path.insert(0, str(DOCS))
    try:
        spec = spec_from_file_location(name, DOCS / f"{name}.py")
        assert spec is not None
        assert spec.loader is not None
        found = module_from_spec(spec)
        spec.loader.exec_module(found)
    finally:
        sys.path.remove(str(DOCS))
    return found


@pytest.fixture(scope="module")
def pages() -> dict[str, str]:
    generated: dict[str, str] = module("reference_pages").pages()
    return generated


@pytest.mark.parametrize("path", [p for p in WITH_PYTHON if p.stem in HANDWRITTEN], ids=lambda path: path.stem)
def test_examples_of_a_page_run_in_their_order(path: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.chdir(tmp_path)
    names: dict[str, object] = {}
    blocks = re.findall(r"```python\n(.*?)```", path.read_text(encoding="utf-8"), re.DOTALL)
    for block in blocks:
        exec(compile(block, str(path), "exec"), names)


def commands(text: str) -> list[list[str]]:
    """The `metaclr ...` lines of the bash blocks of a page, as arguments."""
    blocks = re.findall(r"```bash\n(.*?)```", text, re.DOTALL)
    return [shlex.split(line)[1:] for block in blocks for line in block.splitlines() if line.startswith("metaclr ")]


def parse(arguments: list[str]) -> None:
    """Parse a command line without running it. Raises click's errors for an unknown verb or option."""
    context = click.Context(cli, info_name="metaclr")
    command = cli.get_command(context, arguments[0])
    assert command is not None, arguments
    found = command.make_context(arguments[0], arguments[1:], parent=context)
    if isinstance(command, click.Group):
        name, inner, rest = command.resolve_command(found, [*found._protected_args, *found.args])
        assert inner is not None
        inner.make_context(name, rest, parent=found)


def test_every_command_of_the_pages_exists(pages: dict[str, str]) -> None:
    texts = [path.read_text(encoding="utf-8") for path in PAGES] + list(pages.values())
    found = [arguments for text in texts for arguments in commands(text)]
    assert len(found) > 60
    for arguments in found:
        parse(arguments)
    with pytest.raises(click.NoSuchOption):
        parse(["compare", "--not-there"])


def test_every_method_has_a_page_with_its_parameters_and_a_command_that_resolves(pages: dict[str, str]) -> None:
    for name in methods.names():
        page = pages[f"reference/methods/{name}.md"]
        for key in methods.get(name).defaults:
            assert f"| `{key}` |" in page, (name, key)
        assert f"[{name}]({name}.md)" in pages["reference/methods/index.md"]
        for arguments in commands(page):
            wanted = arguments[arguments.index("--methods") + 1].split(",")
            tables = {**read(ROOT / "metaclr/recipes/glyphs.toml"), "methods": wanted}
            resolve(tables, [arguments[arguments.index("--set") + 1]])


def test_every_setting_has_a_section(pages: dict[str, str]) -> None:
    tables = {"train.": model.TrainRecipe, "evaluate.few_shot.": model.FewShotRecipe, "data.": model.DataRecipe}
    for prefix, cls in tables.items():
        page = pages[f"reference/settings/{prefix.split('.')[-2]}.md"]
        assert re.findall(rf"^## {re.escape(prefix)}(\w+)$", page, re.MULTILINE) == list(cls.model_fields)


def test_every_parameter_and_setting_says_what_it_means(pages: dict[str, str]) -> None:
    reference = module("reference_pages")
    rows = {
        (name, key): text for name in methods.names() for key, _, text in reference.parameter_rows(methods.get(name))
    }
    assert len(rows) > 1000
    assert [row for row, text in rows.items() if not text.strip(" .")] == []
    # A section of a setting is its key, a line of text, and its type.
    for name, text in pages.items():
        if name.startswith("reference/settings/"):
            for section in text.split("\n## ")[1:]:
                assert not section.split("\n\n")[1].startswith("- Type"), section


def test_every_formula_can_be_drawn() -> None:
    from matplotlib.mathtext import MathTextParser

    to_mathtext, parser = module("formula_svg").to_mathtext, MathTextParser("path")
    for name in methods.names():
        parser.parse(f"${to_mathtext(methods.get(name).formula or 'x')}$")
    drawing = module("formula_svg").formula_svg(r"\frac12 e^{q^\top s/\tau} \text{ for all } s")
    assert drawing.startswith("<svg role=")
    assert 'fill="currentColor"' in drawing
    assert "\n" not in drawing


def test_the_site_builds_and_loads_nothing_from_elsewhere(tmp_path: Path) -> None:
    for name in ("mkdocs", "material"):
        if find_spec(name) is None:
            pytest.skip(f"{name} is not installed: uv run --group docs pytest tests/docs/test_site.py")
    site = tmp_path / "site"
    done = subprocess.run(
        [sys.executable, "-m", "mkdocs", "build", "--strict", "-q", "-f", str(ROOT / "mkdocs.yml"), "-d", str(site)],
        capture_output=True, text=True, timeout=280, env={**os.environ, "NO_MKDOCS_2_WARNING": "1"}, check=False,
    )  # fmt: skip
    assert done.returncode == 0, done.stderr
    built = sorted(path.relative_to(site).as_posix() for path in site.rglob("*.html"))
    assert {"index.html", "concepts.html", "reference/methods/simclr.html", "reference/settings/train.html"} <= set(
        built
    )
    for path in built:
        text = (site / path).read_text(encoding="utf-8")
        loaded = re.findall(r'<(?:script|img|iframe)[^>]*\ssrc="?(https?:[^">\s]*)', text)
        loaded += re.findall(r'<link[^>]*rel="?(?:stylesheet|preconnect)[^>]*href="?(https?:[^">\s]*)', text)
        assert loaded == [], path
