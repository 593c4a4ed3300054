"""At least 400 hostile inputs to the command line and the Python API: one line and exit code 2, or success."""

from __future__ import annotations

import signal
import sys
import warnings
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any

import pytest
import torch
from torch import nn

import metaclr
from episodes.errors import EpisodeError
from metaclr.cli import main
from metaclr.errors import UserError
from tests.metaclr.hostile_corpus import command_lines, write_files

SECONDS = 10  # for one input; none of them has work to do


class Hang(BaseException):
    """Raised by the alarm: not an Exception, so that no handler of the program takes it for one."""


@contextmanager
def limit(seconds: int) -> Iterator[None]:
    def ring(*_: object) -> None:
        raise Hang

    before = signal.signal(signal.SIGALRM, ring)
    signal.alarm(seconds)
    try:
        yield
    finally:
        signal.alarm(0)
        signal.signal(signal.SIGALRM, before)


def run(arguments: list[str], monkeypatch: pytest.MonkeyPatch) -> tuple[int, BaseException | None]:
    """Exit code, and what escaped `main` where something did."""
    monkeypatch.setattr(sys, "argv", ["metaclr", *arguments])
    try:
        with limit(SECONDS), warnings.catch_warnings():
            warnings.simplefilter("ignore")
            main()
    except SystemExit as leaving:
        return int(leaving.code or 0), None
    except BaseException as error:
        return 1, error
    return 0, None


@pytest.mark.timeout(240)
def test_no_command_line_ends_in_a_traceback(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    write_files(tmp_path)
    monkeypatch.chdir(tmp_path)
    monkeypatch.setenv("METACLR_CACHE", str(tmp_path / "cache"))
    lines = list(command_lines(tmp_path))
    assert len(lines) >= 400
    findings = []
    for arguments in lines:
        code, escaped = run(arguments, monkeypatch)
        printed = capsys.readouterr()
        if escaped is not None:
            findings.append(f"{arguments}: {type(escaped).__name__}: {escaped}")
        elif code not in (0, 2):
            findings.append(f"{arguments}: exit code {code}")
        elif code == 2 and len(printed.err.strip().splitlines()) > 4:  # click's usage takes up to four lines
            findings.append(f"{arguments}: {len(printed.err.splitlines())} lines of error")
    assert not findings, f"{len(findings)} of {len(lines)}:\n" + "\n".join(findings)


class Raises(nn.Module):
    def forward(self, images: torch.Tensor) -> torch.Tensor:
        raise ValueError("weights are missing")


class Pair(nn.Module):
    def forward(self, images: torch.Tensor) -> Any:
        return images.flatten(1), images


class Nothing(nn.Module):
    def forward(self, images: torch.Tensor) -> Any:
        return None


class Scalar(nn.Module):
    def forward(self, images: torch.Tensor) -> torch.Tensor:
        return images.mean()


SMALL = ("evaluate.few_shot.episodes=2", "evaluate.low_label=false", "evaluate.linear=false", "evaluate.knn=false")

CALLS: dict[str, Callable[[Path], object]] = {
    **{
        f"evaluate {name}": lambda out, module=module: metaclr.evaluate(
            {"mine": module}, targets=["digits"], out=out, overrides=SMALL
        )
        for name, module in {
            "raises": Raises(),
            "pair": Pair(),
            "nothing": Nothing(),
            "scalar": Scalar(),
            "string": "resnet",
            "number": 3,
            "none": None,
        }.items()
    },
    "evaluate targets string": lambda out: metaclr.evaluate(nn.Flatten(), targets="digitz", out=out),
    "evaluate targets number": lambda out: metaclr.evaluate(nn.Flatten(), targets=3, out=out),  # type: ignore[arg-type]
    "evaluate size": lambda out: metaclr.evaluate(nn.Flatten(), targets=["digits"], size=-3, out=out),
    "evaluate size string": lambda out: metaclr.evaluate(nn.Flatten(), targets=["digits"], size="28", out=out),  # type: ignore[arg-type]
    "compare methods string": lambda out: metaclr.compare(methods="simclrr", out=out),
    "compare methods number": lambda out: metaclr.compare(methods=3, out=out),  # type: ignore[arg-type]
    "compare method value": lambda out: metaclr.compare(methods={"mine": 3}, out=out),  # type: ignore[dict-item]
    "compare seeds string": lambda out: metaclr.compare(seeds="abc", out=out),  # type: ignore[arg-type]
    "compare seeds number": lambda out: metaclr.compare(seeds=-1.5, out=out),  # type: ignore[arg-type]
    "compare steps": lambda out: metaclr.compare(steps="many", out=out),  # type: ignore[arg-type]
    "compare steps negative": lambda out: metaclr.compare(steps=-1, out=out),
    "compare out": lambda out: metaclr.compare(out=3),  # type: ignore[arg-type]
    "compare overrides": lambda out: metaclr.compare(overrides="train.steps", out=out),
    "compare overrides number": lambda out: metaclr.compare(overrides=[3], out=out),  # type: ignore[list-item]
    "compare sources number": lambda out: metaclr.compare(sources=5, out=out),  # type: ignore[arg-type]
    "compare source value": lambda out: metaclr.compare(sources={"mine": [1, 2]}, out=out),  # type: ignore[dict-item]
    "compare recipe": lambda out: metaclr.compare(3, out=out),  # type: ignore[arg-type]
    "compare jobs": lambda out: metaclr.compare(jobs=-2, out=out),
    "compare jobs string": lambda out: metaclr.compare(jobs="2", out=out),  # type: ignore[arg-type]
    "compare device": lambda out: metaclr.compare(device=3, out=out),  # type: ignore[arg-type]
    "train method": lambda out: metaclr.train(3, out=out),  # type: ignore[arg-type]
    "train source": lambda out: metaclr.train("simclr", 3, out=out),  # type: ignore[arg-type]
    "train steps": lambda out: metaclr.train("simclr", steps=0, out=out),
    "train seed": lambda out: metaclr.train("simclr", seed="x", steps=1, out=out),  # type: ignore[arg-type]
    "train settings": lambda out: metaclr.train("simclr", settings={"temperature": "hot"}, out=out),
    "train settings list": lambda out: metaclr.train("simclr", settings=[1], out=out),  # type: ignore[arg-type]
    "objective": lambda out: metaclr.objective("simclr", temperature="hot"),
    "objective name": lambda out: metaclr.objective(3),  # type: ignore[arg-type]
    "objective shape": lambda out: metaclr.objective("simclr")(torch.zeros(3)),
}


@pytest.mark.parametrize("name", CALLS)
def test_the_api_refuses_as_the_shell_does(name: str, tmp_path: Path) -> None:
    with limit(30), pytest.raises((UserError, EpisodeError)) as refused:
        CALLS[name](tmp_path / "out")
    assert "\n" not in str(refused.value)
