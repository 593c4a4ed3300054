"""The notebooks run as they stand, from their cells, and are committed with their outputs.

Skipped where nbclient or ipykernel is missing: `uv run --group docs pytest tests/docs/test_notebooks.py`. To execute
them again in place, in the folder examples/: `jupyter execute --inplace *.ipynb`.
"""

from __future__ import annotations

from pathlib import Path
from typing import Any

import pytest

nbformat = pytest.importorskip("nbformat", reason="nbformat is not installed")
nbclient = pytest.importorskip("nbclient", reason="nbclient is not installed")
pytest.importorskip("ipykernel", reason="ipykernel is not installed")

EXAMPLES = Path(__file__).parents[2] / "examples"
NOTEBOOKS = sorted(EXAMPLES.glob("*.ipynb"))


def execute(path: Path, folder: Path) -> Any:
    """The notebook of that file with the outputs of an execution in `folder`."""
    notebook = nbformat.read(path, as_version=4)
    client = nbclient.NotebookClient(
        notebook, timeout=240, resources={"metadata": {"path": str(folder)}}, coalesce_streams=True
    )
    return client.execute()


def outputs(cell: Any) -> str:
    """All that a cell printed or returned."""
    of = [o.get("text", "") or o["data"].get("text/html", o["data"].get("text/plain", "")) for o in cell.outputs]
    return "\n".join(of)


def code(notebook: Any, words: str) -> Any:
    """The code cell that contains these words."""
    return next(c for c in notebook.cells if c.cell_type == "code" and words in c.source)


def test_there_are_two() -> None:
    assert [path.name for path in NOTEBOOKS] == ["first_comparison.ipynb", "the_bridge.ipynb"]


@pytest.mark.parametrize("path", NOTEBOOKS, ids=lambda path: path.stem)
def test_it_is_committed_as_executed(path: Path) -> None:
    cells = [cell for cell in nbformat.read(path, as_version=4).cells if cell.cell_type == "code"]
    assert [cell.execution_count for cell in cells] == list(range(1, len(cells) + 1))
    assert all(cell.outputs for cell in cells)
    assert not [o for cell in cells for o in cell.outputs if o.output_type == "error"]
    assert all(len(outputs(cell)) < 30_000 for cell in cells)


def test_the_first_comparison_runs(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("IPYTHONDIR", str(tmp_path / "ipython"))
    found = execute(EXAMPLES / "first_comparison.ipynb", tmp_path)
    compare = code(found, "metaclr.compare")
    html = outputs(compare)
    assert "jobs=2" in compare.source
    for said in ("metaclr-results", "simclr", "protonet", "untrained", "4-way 1-shot", "How to read it"):
        assert said in html, said
    assert "Failed" not in html
    assert "(" in outputs(code(found, "features.shape"))
    assert (tmp_path / "results/first-comparison/report.html").is_file()


def test_the_bridge_runs(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("IPYTHONDIR", str(tmp_path / "ipython"))
    found = execute(EXAMPLES / "the_bridge.ipynb", tmp_path)
    assert outputs(code(found, "by_hand")).strip() == "True"
    walk = outputs(code(found, "bridge_walk"))
    assert "effect of the step" in walk
    assert "runs" in walk or "seed 0" in walk  # progress is printed too
