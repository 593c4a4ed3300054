"""Names and variables that no system accepts: one line, exit code 2, for every verb that takes a path."""

from __future__ import annotations

import sys
from pathlib import Path

import pytest

from metaclr.cli import main

NAMES = ["a\0b", "~nouser/x", "a\udcff", "x" * 5000, "/proc/self/mem", "/dev/null", ".", "", "\n", "~nouser.toml"]
COMMANDS = [
    ["compare", "NAME", "--dry-run"],
    ["compare", "--quick", "--out", "NAME", "--methods", "nosuch"],
    ["compare", "--methods", "NAME.py"],
    ["compare", "--sources", "NAME"],
    ["compare", "--data-root", "NAME", "--sources", "none"],
    ["evaluate", "NAME"],
    ["evaluate", "NAME.py:build"],
    ["recipes", "show", "NAME"],
    ["recipes", "copy", "glyphs", "NAME/x/y"],
    ["methods", "show", "NAME"],
    ["methods", "diff", "simclr", "NAME"],
    ["table", "NAME"],
    ["report", "NAME"],
    ["data", "show", "NAME"],
    ["bridge", "simclr", "NAME"],
    ["train", "NAME"],
    ["NAME"],
]


@pytest.mark.parametrize("command", COMMANDS, ids=" ".join)
def test_a_hostile_name_is_one_line(
    command: list[str], tmp_path: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    monkeypatch.chdir(tmp_path)
    for name in NAMES:
        arguments = [word.replace("NAME", name) for word in command]
        monkeypatch.setattr(sys, "argv", ["metaclr", *arguments])
        with pytest.raises(SystemExit) as end:
            main()
        error = capsys.readouterr().err
        assert end.value.code == 2, (arguments, error)
        lines = error.strip().splitlines()
        assert len(lines) == 1 or lines[0].startswith("Usage:"), (arguments, error)
        error.encode()


@pytest.mark.parametrize("variable", ["WORLD_SIZE", "LOCAL_RANK", "RANK", "MASTER_PORT"])
@pytest.mark.parametrize("value", ["abc", "-1", "1.5", "\u0663"])
def test_variables_of_torchrun_that_are_no_numbers_are_named(
    variable: str, value: str, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    if variable != "LOCAL_RANK":
        for name, default in {"WORLD_SIZE": "2", "RANK": "0", "MASTER_ADDR": "127.0.0.1", "MASTER_PORT": "0"}.items():
            monkeypatch.setenv(name, default)
    monkeypatch.setenv(variable, value)
    if variable == "LOCAL_RANK":
        import torch

        from metaclr.engine.distributed import rank_device
        from metaclr.errors import UserError

        with pytest.raises(UserError, match="LOCAL_RANK"):
            rank_device(torch.device("cuda"))
        return
    monkeypatch.setattr(sys, "argv", ["metaclr", "compare"])
    with pytest.raises(SystemExit) as end:
        main()
    assert end.value.code == 2
    lines = capsys.readouterr().err.strip().splitlines()
    assert len(lines) == 1
    assert f"environment variable {variable} = {value!r}" in lines[0]
