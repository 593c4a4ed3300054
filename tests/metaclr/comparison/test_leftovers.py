"""Temporary files of killed processes are removed, and nothing else is."""

import os
from pathlib import Path

from metaclr.comparison.folders.leftovers import LEFTOVER, remove_leftovers
from metaclr.files import replacing

DEAD = 2**22 + 7  # above the largest pid of Linux


def test_only_files_that_metaclr_named_are_removed(tmp_path: Path) -> None:
    run = tmp_path / "runs" / "a"
    run.mkdir(parents=True)
    (tmp_path / "episodes").mkdir()
    ours = [
        tmp_path / f".rows.csv.{DEAD}-0123abcd.tmp",
        run / f".checkpoint.pt.{DEAD}-01234567.tmp",
        tmp_path / "episodes" / f".digits.npz.{DEAD}-01234567.part",
        tmp_path / f".probe-{DEAD}-x1_y",
        tmp_path / f".metaclr.lock.{DEAD}-01234567",
    ]
    others = [
        tmp_path / ".git",
        tmp_path / "notes.tmp",
        run / ".hidden",
        run / "x.12-0123abcd.tmp",
        tmp_path / ".a.tmp",
        tmp_path / f".probe-{os.getppid()}-x1_y",  # of another process, which runs
        tmp_path / f".metaclr.lock.{os.getppid()}-01234567",
    ]
    for path in ours + others:
        path.touch()
    (tmp_path / ".b.1-01234567.tmp").mkdir()
    (run / ".link.1-01234567.tmp").symlink_to(others[0])
    remove_leftovers(tmp_path)
    assert not any(path.exists() for path in ours)
    assert all(path.exists() for path in others)
    assert (tmp_path / ".b.1-01234567.tmp").is_dir()
    assert (run / ".link.1-01234567.tmp").is_symlink()


def test_a_file_that_is_being_written_has_a_name_of_its_own(tmp_path: Path) -> None:
    with replacing(tmp_path / "x") as one, replacing(tmp_path / "x") as two:
        names = {Path(file.name).name for file in (one, two)}
        one.write(b"1")
        two.write(b"2")
    assert len(names) == 2
    assert all(LEFTOVER.fullmatch(name) for name in names)
    assert [path.name for path in tmp_path.iterdir()] == ["x"]
