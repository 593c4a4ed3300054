"""Verbs that only list something start without torch, and so in a fraction of a second."""

from __future__ import annotations

import statistics
import subprocess
import sys
import time
from pathlib import Path

import pytest

from metaclr import methods
from metaclr.methods.summaries import summaries

ROOT = Path(__file__).parents[3]
HEAVY = ("torch", "torchvision", "pandas", "scipy", "sklearn", "seaborn", "matplotlib", "learn2learn")
CODE = """
import sys
sys.argv = ["metaclr", *{arguments!r}]
from metaclr.__main__ import run
try:
    run()
finally:
    print(sorted(m for m in {heavy!r} if m in sys.modules), file=sys.stderr)
"""
QUICK = [
    ["--help"],
    ["--version"],
    ["methods"],
    ["methods", "list"],
    ["recipes", "list"],
    ["recipes", "show", "glyphs"],
]
QUICK += [["compare", "--help"], ["compar"], ["methods", "--help"]]


@pytest.mark.parametrize("arguments", QUICK, ids=" ".join)
def test_no_heavy_package_is_imported(arguments: list[str]) -> None:
    code = CODE.format(arguments=arguments, heavy=HEAVY)
    done = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, cwd=ROOT, check=False)
    assert done.stderr.strip().endswith("[]"), done.stderr
    assert "Traceback" not in done.stderr


def test_a_list_starts_in_a_fraction_of_the_time_of_torch() -> None:
    """Ratio of CPU-bound start-ups that alternate: usual 0.12; before, the list took as long as torch itself."""

    def seconds(*command: str) -> float:
        began = time.perf_counter()
        subprocess.run([sys.executable, *command], capture_output=True, cwd=ROOT, check=True)
        return time.perf_counter() - began

    turns = [(seconds("-m", "metaclr", "methods"), seconds("-c", "import torch")) for _ in range(4)][1:]
    assert statistics.median(ours / torch for ours, torch in turns) < 0.5


def test_summaries_read_from_the_files_are_those_of_the_methods() -> None:
    listed = {summary.name: summary for summary in summaries()}
    assert tuple(listed) == methods.names()
    for name, summary in listed.items():
        method = methods.get(name)
        assert (summary.summary, summary.labels, summary.reference) == (method.summary, method.labels, method.reference)
