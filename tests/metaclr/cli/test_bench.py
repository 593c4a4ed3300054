"""`metaclr bench`: every figure is measured, the JSON is whole, bad input is refused before work."""

import json
import subprocess
import sys
from pathlib import Path

import pytest

ROOT = Path(__file__).parents[3]
SMALL = ("--size", "16", "--channels", "1", "--views", "gentle", "--batch-views", "8", "--device", "cpu")


def bench(*arguments: str) -> subprocess.CompletedProcess[str]:
    return subprocess.run(
        [sys.executable, "-m", "metaclr", "bench", *arguments],
        capture_output=True,
        text=True,
        cwd=ROOT,
        check=False,
        timeout=120,
    )


def test_every_figure_is_there_and_belongs_to_its_rates() -> None:
    done = bench(*SMALL, "--seconds", "0.4", "--repeats", "2", "--threads", "1", "--json", "-")
    assert done.returncode == 0, done.stderr
    report = json.loads(done.stdout)  # nothing else goes to the standard output
    figures, rates = report["figures"], report["rates"]
    assert set(figures) == {"index_tables", "views", "training", "ceiling", "share", "few_shot"}
    for figure in figures.values():
        assert 0 < figure["low"] <= figure["median"] <= figure["high"]
        assert figure["n"] == 2
    turns = [100 * a / b for a, b in zip(rates["engine"], rates["ceiling"], strict=True)]
    assert figures["share"]["median"] == pytest.approx(sum(turns) / 2, rel=1e-3)
    assert report["peak_bytes"]["process"] > 50 << 20  # torch alone takes more
    assert report["environment"]["threads"] == "1"
    assert {"metaclr", "torch", "python", "cpu", "device"} <= set(report["environment"])
    assert report["workload"]["encoder"] == "conv4"
    assert report["workload"]["batch_views"] == 8
    for said in ("index tables", "share of the ceiling", "peak memory"):
        assert said in done.stderr


@pytest.mark.parametrize(
    ("arguments", "says"),
    [
        (("--encoder", "conv5"), "did you mean 'conv4'"),
        (("--views", "simcrl"), "did you mean 'simclr'"),
        (("--batch-views", "7"), "an even number"),
        (("--seconds", "0"), "above 0"),
        (("--device", "cuda:99"), "not on this machine"),
    ],
)
def test_bad_input_is_one_line_and_exit_code_2(arguments: tuple[str, ...], says: str) -> None:
    done = bench(*arguments)
    assert done.returncode == 2, done
    assert says in done.stderr
    assert len(done.stderr.strip().splitlines()) == 1
