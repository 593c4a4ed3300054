"""A folder belongs to one process: others are refused by name, and the lock of a dead process is taken over."""

from __future__ import annotations

import json
import os
import subprocess
import sys
from dataclasses import asdict, replace
from pathlib import Path

import pytest

from metaclr.comparison.folders import owner
from metaclr.comparison.folders.owner import NAME, Owner, owned
from metaclr.errors import UserError
from metaclr.process import start_time


def write(folder: Path, who: Owner) -> None:
    (folder / NAME).write_text(json.dumps(asdict(who)))


def living() -> Owner:
    return Owner(os.getpid(), owner.socket.gethostname(), "2026-01-01T00:00:00+00:00", start_time(os.getpid()))


def test_a_second_owner_is_refused_and_the_first_releases(tmp_path: Path) -> None:
    with owned(tmp_path):
        stored = json.loads((tmp_path / NAME).read_text())
        assert stored["pid"] == os.getpid()
        line = rf"in use by process {os.getpid()} on .* since {stored['since'][:10]}"
        with pytest.raises(UserError, match=line), owned(tmp_path):
            pass
        assert (tmp_path / NAME).is_file()
    assert not list(tmp_path.iterdir())


def test_an_error_releases_the_folder(tmp_path: Path) -> None:
    with pytest.raises(RuntimeError), owned(tmp_path):
        raise RuntimeError
    assert not list(tmp_path.iterdir())


def test_the_lock_of_a_dead_process_is_taken_over(tmp_path: Path) -> None:
    done = subprocess.run([sys.executable, "-c", "import os; print(os.getpid())"], capture_output=True, check=True)
    write(tmp_path, replace(living(), pid=int(done.stdout)))
    with owned(tmp_path):
        assert json.loads((tmp_path / NAME).read_text())["pid"] == os.getpid()


@pytest.mark.skipif(not Path("/proc/self/stat").exists(), reason="needs /proc")
def test_a_new_process_with_the_pid_of_the_owner_is_not_the_owner(tmp_path: Path) -> None:
    write(tmp_path, replace(living(), started=living().started + 1))
    with owned(tmp_path):
        pass
    child = subprocess.Popen([sys.executable, "-c", ""])
    started = start_time(child.pid)
    os.waitid(os.P_PID, child.pid, os.WEXITED | os.WNOWAIT)  # it has ended and is not reaped: a zombie
    write(tmp_path, replace(living(), pid=child.pid, started=started))
    with owned(tmp_path):
        pass
    child.wait()


def test_a_lock_of_another_machine_is_never_taken_over(tmp_path: Path) -> None:
    write(tmp_path, replace(living(), host="elsewhere", pid=1))
    with pytest.raises(UserError, match=rf"process 1 on elsewhere since .* rm '{tmp_path / NAME}'$"), owned(tmp_path):
        pass
    assert (tmp_path / NAME).is_file()


@pytest.mark.parametrize("text", ["", "{", "[]", '{"pid": 1}'])
def test_a_damaged_lock_is_replaced(tmp_path: Path, text: str) -> None:
    (tmp_path / NAME).write_text(text)
    with owned(tmp_path):
        assert json.loads((tmp_path / NAME).read_text())["pid"] == os.getpid()


def test_without_hard_links_the_lock_is_created_exclusively(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    def no_links(*_: object) -> None:
        raise PermissionError

    monkeypatch.setattr(owner.os, "link", no_links)
    with owned(tmp_path), pytest.raises(UserError, match="in use by process"), owned(tmp_path):
        pass
    assert not list(tmp_path.iterdir())
