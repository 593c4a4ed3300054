"""The README's recipe and commands do what they say, as they are written."""

from __future__ import annotations

import re
import shlex
from pathlib import Path

import pytest

import metaclr
from metaclr.cli import cli

README = (Path(__file__).parents[2] / "README.md").read_text(encoding="utf-8")
TINY = ("train.steps=2", "train.batch_views=64", "evaluate.few_shot.episodes=10", "evaluate.low_label=false",
        "evaluate.linear=false", "encoder.options={width=8}")  # fmt: skip


def test_the_recipe_with_own_views_and_settings_runs(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    name, text = re.findall(r"```toml\n# (\S+)\n(.*?)```", README, flags=re.DOTALL)[0]
    (command,) = re.findall(rf"^metaclr compare {re.escape(name)} .*$", README, flags=re.MULTILINE)
    (tmp_path / name).write_text(text, encoding="utf-8")
    monkeypatch.chdir(tmp_path)
    words = shlex.split(command)[1:]
    extra = [word for line in TINY for word in ("--set", line)]
    with pytest.raises(SystemExit) as end:
        cli.main([*words, *extra, "--out", "out"])
    assert end.value.code in (0, None)
    rows = (tmp_path / "out" / "rows.csv").read_text(encoding="utf-8")
    assert "\nhot-" in rows
    recipe = (tmp_path / "out" / "recipe.toml").read_text(encoding="utf-8")
    assert "blur = 0.3" in recipe
    assert "temperature = 0.1" in recipe
    (run,) = (tmp_path / "out" / "runs").glob("hot-*")
    encoder = metaclr.load(run)  # a run of a comparison is an encoder to predict with
    assert encoder.embed("digits").shape[0] == encoder.images("digits").required_labels().shape[0]


def test_the_python_example_runs() -> None:
    code = re.findall(r"```python\n(.*?)```", README, flags=re.DOTALL)[0]
    names: dict[str, object] = {}
    exec(code, names)
    assert names["metaclr"] is metaclr


def test_every_file_that_it_names_exists() -> None:
    root = Path(__file__).parents[2]
    for name in re.findall(r"`((?:docs|examples|benchmarks|results|tests)/[\w./-]+)`|\]\(([\w./-]+)\)", README):
        path = next(part for part in name if part)
        assert (root / path).exists(), path
