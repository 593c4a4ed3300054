"""CONTRIBUTING.md's worked example of a new method is run as it is written: two files, nothing else touched."""

import os
import re
import subprocess
import sys
from pathlib import Path

ROOT = Path(__file__).parents[2]


def code_blocks() -> list[str]:
    text = (ROOT / "CONTRIBUTING.md").read_text(encoding="utf-8")
    return re.findall(r"```python\n(.*?)```", text, flags=re.DOTALL)


def test_the_worked_example_of_a_method_works(tmp_path: Path) -> None:
    method, test = code_blocks()
    # A package is found by its folders, so a second folder of methods stands in for the two new files.
    (tmp_path / "swapped.py").write_text(method)
    (tmp_path / "test_swapped.py").write_text(test)
    (tmp_path / "conftest.py").write_text(
        "import metaclr.methods\n"
        f"metaclr.methods.__path__.append({str(tmp_path)!r})\n"
        "metaclr.methods.names.cache_clear()\n"
    )
    run = subprocess.run(
        [sys.executable, "-m", "pytest", "-q", "-p", "no:cacheprovider", "--rootdir", str(tmp_path), str(tmp_path)],
        capture_output=True,
        text=True,
        env={**os.environ, "PYTHONPATH": str(ROOT)},
        check=False,
    )
    assert run.returncode == 0, run.stdout + run.stderr
    assert "1 passed" in run.stdout
