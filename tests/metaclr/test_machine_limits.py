"""A full disk, too little memory, a folder that may not be written: one line, earlier results whole, and it goes on.

Commands run in this process, so that nothing is imported again. The disk is a tmpfs of a few megabytes that is really
full; it is filled at the moment in question, for how much a run writes before that is no matter.
"""

from __future__ import annotations

import contextlib
import hashlib
import os
import resource
import subprocess
import sys
import traceback
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import pytest

import metaclr.api
import metaclr.cli
from metaclr.comparison.launching import serial
from metaclr.engine import checkpoint
from metaclr.results.figures import all_figures

TINY = (
    "size=16", "encoder.options={width=4}", "train.steps=4", "train.batch_views=16", "train.compile=off",
    "evaluate.few_shot.ways=[5]", "evaluate.few_shot.shots=[1]", "evaluate.few_shot.episodes=20",
    "evaluate.few_shot.heads=cosine", "evaluate.low_label=false", "evaluate.linear=false", "evaluate.knn=false",
    'targets=["digits"]',
)  # fmt: skip
SETTINGS = [word for line in TINY for word in ("--set", line)]

ALONE = "METACLR_TEST_ALONE"
"""Set in the process of a test that runs itself once more there."""

Command = Callable[..., tuple[int, str]]


def succeed(command: Command, words: list[str | Path]) -> None:
    code, printed = command(*words)
    assert code == 0, printed


@pytest.fixture
def command(monkeypatch: pytest.MonkeyPatch, capfd: pytest.CaptureFixture[str]) -> Command:
    """Run `metaclr WORDS`: exit code and stderr."""

    def run(*words: str | Path) -> tuple[int, str]:
        monkeypatch.setattr(sys, "argv", ["metaclr", *map(str, words)])
        capfd.readouterr()
        with pytest.raises(SystemExit) as end:
            metaclr.cli.main()
        return int(end.value.code or 0), capfd.readouterr().err

    return run


def compare(out: Path, methods: str, *more: str) -> list[str | Path]:
    return ["compare", "--methods", methods, "--source", "digits", *SETTINGS, "--out", out, *more]


@pytest.fixture
def disk(tmp_path: Path) -> Iterator[Path]:
    """A disk of 6 MB."""
    folder = tmp_path / "disk"
    folder.mkdir()
    if not sys.platform.startswith("linux") or os.geteuid() != 0:
        pytest.skip("needs root, to mount a small tmpfs")
    mount = ["mount", "-t", "tmpfs", "-o", "size=6m", "tmpfs", str(folder)]
    if (done := subprocess.run(mount, capture_output=True, text=True, check=False)).returncode:
        pytest.skip(f"no tmpfs can be mounted here: {done.stderr.strip()}")
    yield folder
    subprocess.run(["umount", "--lazy", str(folder)], check=True)


def fill(disk: Path) -> Path:
    """Leave no byte free."""
    filler = disk / "filler"
    with contextlib.suppress(OSError), filler.open("wb", buffering=0) as file:
        while True:
            file.write(bytes(4096))
    assert os.statvfs(disk).f_bavail == 0
    return filler


def content(folder: Path) -> dict[str, str]:
    return {str(p.relative_to(folder)): hashlib.sha256(p.read_bytes()).hexdigest() for p in folder.rglob("*.*")
            if p.is_file()}  # fmt: skip


WRITERS = {
    "checkpoint": (checkpoint, "replacing"),
    "rows of a run": (serial, "evaluate_run"),
    "rows": (sys.modules["metaclr.comparison.launching.execute"], "collect"),
    "figures": (all_figures, "write_figures"),
}
"""What is about to be written when the disk is found full."""


@pytest.mark.parametrize("stage", WRITERS)
def test_a_full_disk(stage: str, disk: Path, command: Command, monkeypatch: pytest.MonkeyPatch) -> None:
    out = disk / "out"
    succeed(command, compare(out, "simclr"))
    before = content(out)
    module, name = WRITERS[stage]
    whole = getattr(module, name)

    def full(*args: Any, **kwargs: Any) -> Any:
        if not (disk / "filler").exists():
            fill(disk)
        return whole(*args, **kwargs)

    with monkeypatch.context() as patch:
        patch.setattr(module, name, full)
        code, printed = command(*compare(out, "simclr,protonet"))
    assert code == 2, printed
    lines = [line for line in printed.splitlines() if line.startswith("metaclr:")]
    assert len(lines) == 1, printed
    assert "No space left on device" in lines[0]
    assert "Traceback" not in printed
    after = content(out)
    kept = {name: digest for name, digest in before.items() if name.startswith(("runs", "per_item", "episodes"))}
    assert len(kept) > 10
    assert kept.items() <= after.items()
    # Files of the whole comparison are the old ones or the new ones, never less.
    assert before.keys() <= after.keys()
    assert all((out / name).stat().st_size for name in after)
    (disk / "filler").unlink()
    succeed(command, compare(out, "simclr,protonet"))
    expected = disk.parent / "expected"
    succeed(command, compare(expected, "simclr,protonet"))
    assert rows(out) == rows(expected)
    assert content(out / "per_item") == content(expected / "per_item")
    assert not list(out.rglob(".*"))


def rows(out: Path) -> list[list[str]]:
    """The rows without the measured seconds."""
    table = [line.split(",") for line in (out / "rows.csv").read_text().splitlines()]
    seconds = table[0].index("train_seconds") - len(table[0])
    return [row[:seconds] + row[seconds + 1 :] for row in table]


@contextlib.contextmanager
def memory_limit(more: int) -> Iterator[None]:
    """Let this process take so many more bytes than it has."""
    pages = int(Path("/proc/self/statm").read_text().split()[0])
    before = resource.getrlimit(resource.RLIMIT_AS)
    resource.setrlimit(resource.RLIMIT_AS, (pages * resource.getpagesize() + more, before[1]))
    try:
        yield
    finally:
        resource.setrlimit(resource.RLIMIT_AS, before)


@pytest.mark.skipif(not sys.platform.startswith("linux"), reason="RLIMIT_AS and /proc")
def test_too_little_memory(tmp_path: Path, command: Command) -> None:
    """A comparison lists the run and the others finish; a training ends with one line; with memory both go on.

    In a process of its own: libraries that other tests have half loaded may crash when they find no memory.
    """
    if os.environ.get(ALONE) != "1":
        words = [sys.executable, "-m", "pytest", "-q", "-p", "no:cacheprovider", f"{__file__}::test_too_little_memory"]
        done = subprocess.run(words, env=os.environ | {ALONE: "1"}, capture_output=True, text=True, check=False)
        assert done.returncode == 0, done.stdout + done.stderr
        return
    out, large = tmp_path / "out", "train.batch_views=480000"
    succeed(command, compare(out, "simclr"))
    before = content(out / "runs")
    train = ["train", "simclr", "--source", "digits", *SETTINGS, "--out", tmp_path / "train"]
    with memory_limit(1 << 27):
        code, printed = command(*train, "--set", large)
    lines = [line for line in printed.splitlines() if not line.startswith("note: ")]
    assert (code, len(lines)) == (2, 1), printed
    assert "out of memory" in lines[0]
    assert "lower train.batch_views" in lines[0]
    with memory_limit(1 << 27):
        code, printed = command(*compare(tmp_path / "large", "simclr", "--set", large))
    assert code == 1
    assert "failed: out of memory" in printed
    assert "Traceback" not in printed
    assert content(out / "runs") == before
    succeed(command, train)
    succeed(command, compare(out, "simclr"))


@pytest.mark.skipif(not hasattr(os, "fork") or not hasattr(os, "geteuid"), reason="needs fork and users")
@pytest.mark.parametrize("verb", ["compare", "train", "report", "data prepare"])
def test_a_folder_that_may_not_be_written(
    verb: str, tmp_path: Path, command: Command, monkeypatch: pytest.MonkeyPatch
) -> None:
    """As another user, where this is root: root may write anywhere."""
    out = tmp_path / "out"
    succeed(command, compare(out, "simclr"))
    before = content(out)
    closed = [path for path in (out, *out.rglob("*")) if path.is_dir()]
    for path in closed:
        path.chmod(0o555)
    if verb == "data prepare":
        monkeypatch.setenv("METACLR_CACHE", str(out / "cache"))
    words: list[str | Path] = {
        "compare": compare(out, "simclr,protonet"),
        "train": ["train", "simclr", "--source", "digits", *SETTINGS, "--out", out],
        "report": ["report", out],
        "data prepare": ["data", "prepare", "digits", "--size", "17"],
    }[verb]
    pid = os.fork()
    if pid == 0:
        code = 70
        try:
            open_to_all(tmp_path)
            if os.geteuid() == 0:
                os.setgroups([])
                os.setresuid(65534, 65534, 65534)
            code, printed = command(*words)
            (tmp_path / "printed").write_text(printed)
        except BaseException:
            (tmp_path / "printed").write_text(traceback.format_exc())
        finally:
            os._exit(code)
    code = os.waitstatus_to_exitcode(os.waitpid(pid, 0)[1])
    for path in closed:
        path.chmod(0o755)
    printed = (tmp_path / "printed").read_text()
    # The cache of a home folder that may not be written either costs its one line and no more.
    lines = [line for line in printed.splitlines() if not line.startswith(("note: ", "metaclr: cache"))]
    assert len(lines) == (verb != "data prepare"), printed
    assert "Permission denied" in printed.splitlines()[-1]
    assert code == (0 if verb == "data prepare" else 2)
    assert content(out) == before
    succeed(command, compare(out, "simclr,protonet"))


def open_to_all(folder: Path) -> None:
    """Let another user reach the folder, whose parents pytest closes, and write a file into it."""
    folder.chmod(0o777)
    for parent in [p for p in folder.parents if p.stat().st_uid == os.geteuid() and p != Path("/")]:
        if not parent.stat().st_mode & 0o001 and ("pytest" in parent.name or parent.name.startswith("popen-")):
            parent.chmod(0o755)
