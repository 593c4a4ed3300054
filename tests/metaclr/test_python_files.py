"""A user's file runs as a module of its own."""

from pathlib import Path

import pytest

from metaclr.errors import UserError
from metaclr.python_files import run_file

TEXT = """
from __future__ import annotations
from dataclasses import dataclass
@dataclass(frozen=True)
class Scale:
    value: float = {}
"""


def test_dataclasses_work_and_files_of_one_name_are_apart(tmp_path: Path) -> None:
    files = [tmp_path / name / "torch.py" for name in "ab"]
    for number, file in enumerate(files):
        file.parent.mkdir()
        file.write_text(TEXT.format(number))
    one, two = (run_file(file, "file") for file in files)
    assert (one.Scale().value, two.Scale().value) == (0, 1)
    assert one.__name__ != two.__name__
    files[0].write_text(TEXT.format(7))
    assert run_file(files[0], "file").Scale().value == 7
    assert one.Scale().value == 0


def test_an_error_in_it_is_one_line(tmp_path: Path) -> None:
    file = tmp_path / "bad.py"
    file.write_text("raise ValueError('two\\nlines')")
    with pytest.raises(UserError, match=r"^file: ValueError: two lines$"):
        run_file(file, "file")
