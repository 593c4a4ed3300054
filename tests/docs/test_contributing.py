"""The worked examples of CONTRIBUTING.md, put where they say in a copy of the repository; its tests then run."""

from __future__ import annotations

import os
import re
import shutil
import subprocess
import sys
from pathlib import Path

import pytest

from metaclr import methods

ROOT = Path(__file__).parents[2]
BLOCK = re.compile(r"```(python|diff)\n# (\S+)\n(.*?)```", flags=re.DOTALL)


def blocks() -> list[tuple[str, str, str]]:
    """(python or diff, path, content) of every block that names a path."""
    return BLOCK.findall((ROOT / "CONTRIBUTING.md").read_text(encoding="utf-8"))


def insert(path: Path, diff: str) -> None:
    """Put every line that starts with + behind the line before it."""
    text = path.read_text(encoding="utf-8")
    context = ""
    for line in diff.splitlines():
        if line.startswith("+"):
            assert text.count(f"\n{context}\n") == 1, context
            text = text.replace(f"\n{context}\n", f"\n{context}\n{line[1:]}\n")
        else:
            context = line[1:] if line.startswith(" ") and line[1:].startswith(("from", "    ")) else line.strip()
    path.write_text(text, encoding="utf-8")


EXAMPLES = {
    "method": (
        "metaclr/methods/loo_protoclr.py",
        [
            *(
                "tests/metaclr/methods",
                "tests/metaclr/bridge/test_edges.py",
                "tests/metaclr/bridge/test_half_precision.py",
            ),
            *("-k", f"loo_protoclr or not ({' or '.join(methods.names())})"),  # those of shipped methods ran already
        ],
        2,
    ),
    "source of positives": (
        "metaclr/positives/consecutive.py",
        ["tests/metaclr/positives", "-k", "consecutive"],
        2,
    ),
    "view operation": (
        "episodes/operations/invert.py",
        ["tests/episodes/test_invert.py", "tests/episodes/test_augment.py", "tests/episodes/test_views.py"],
        3,
    ),
    "evaluator": (
        "metaclr/evaluation/evaluators/centroid.py",
        ["tests/metaclr/evaluation/test_centroid.py", "tests/metaclr/evaluation/test_transfer.py"],
        2,
    ),
    "data set": (
        "metaclr/data/sets/stripes.py",
        ["tests/metaclr/data/test_stripes.py", "tests/metaclr/data/test_load.py"],
        2,
    ),
}


@pytest.mark.timeout(600)
@pytest.mark.parametrize("name", EXAMPLES)
def test_the_worked_example_works(name: str, tmp_path: Path) -> None:
    first, tests, files = EXAMPLES[name]
    stem = Path(first).stem
    for folder in ("metaclr", "episodes", "tests"):
        shutil.copytree(ROOT / folder, tmp_path / folder, ignore=shutil.ignore_patterns("__pycache__"))
    for file in ("pyproject.toml", "CITATION.cff"):
        shutil.copy(ROOT / file, tmp_path)
    touched = 0
    for kind, path, content in blocks():
        if stem not in path and not (kind == "diff" and stem in content):
            continue
        touched += 1
        if kind == "diff":
            insert(tmp_path / path, content)
        else:
            assert not (tmp_path / path).exists()
            (tmp_path / path).write_text(content, encoding="utf-8")
    assert touched == files
    run = subprocess.run(
        [sys.executable, "-m", "pytest", "-q", "-x", "-p", "no:cacheprovider", *tests],
        capture_output=True,
        text=True,
        cwd=tmp_path,
        env={**os.environ, "PYTHONPATH": str(tmp_path)},
        check=False,
    )
    assert run.returncode == 0, run.stdout[-3000:] + run.stderr[-2000:]
