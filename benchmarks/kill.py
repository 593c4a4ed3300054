"""Kill metaclr at random moments, resume it, and compare its results with those of an uninterrupted command.

    python benchmarks/kill.py --kills 200 --pairs 20

Commands: `compare`, `bridge` and `compare --jobs 2`, on tiny budgets. After every SIGKILL: no process of the command is
left, and nothing is written to its home and working folders. After the last one the command runs to its end: rows
(but for train_seconds), per-item results and stored episodes are equal to the bit. Then two commands at a time on one
folder: one finishes, the other exits with code 2 and names the first.

The commands are forked from this process, which has imported metaclr, so that a kill costs no seconds of imports.
"""

from __future__ import annotations

import argparse
import os
import random
import signal
import sys
import tempfile
import time
import uuid
from pathlib import Path

import numpy as np
import pandas as pd

os.environ["OMP_NUM_THREADS"] = "1"

TINY = (
    "size=16", "encoder.options={width=4}", "train.steps=30", "train.batch_views=16", "train.compile=off",
    "train.checkpoint_seconds=0.02", "evaluate.few_shot.ways=[5]", "evaluate.few_shot.shots=[1]",
    "evaluate.few_shot.episodes=50", "evaluate.low_label=false", "evaluate.linear=false", 'targets=["digits"]',
)  # fmt: skip
SETTINGS = [word for line in TINY for word in ("--set", line)]
COMMANDS = {
    "compare": ["compare", "--methods", "simclr,protonet", "--source", "digits", *SETTINGS],
    "bridge": ["bridge", "simclr", "infonce", "--source", "digits", "--seeds", "1", *SETTINGS],
    "jobs": ["compare", "--methods", "simclr,protonet", "--source", "digits", "--jobs", "2", *SETTINGS],
}
MARK = "METACLR_KILL_MARK"


class Command:
    """A metaclr command in a process group of its own; stdout and stderr go to a file."""

    def __init__(self, arguments: list[str], base: Path) -> None:
        """Start it, with `base`/home as its home and working folder."""
        self.log = base / f"log-{uuid.uuid4().hex[:8]}"
        self.mark = uuid.uuid4().hex
        home = base / "home"
        home.mkdir(exist_ok=True)
        self.pid = os.fork()
        if self.pid == 0:
            os.setpgid(0, 0)
            # The caches: metaclr's own, and the font list that matplotlib keeps in the home folder otherwise.
            cache = os.environ.get("METACLR_CACHE", str(base / "cache"))
            os.environ.update({"HOME": str(home), "METACLR_CACHE": cache, "MPLCONFIGDIR": str(base / "matplotlib")})
            os.environ[MARK] = self.mark
            os.chdir(home)
            with self.log.open("wb") as log:
                os.dup2(log.fileno(), 1)
                os.dup2(log.fileno(), 2)
            sys.argv = ["metaclr", *arguments]
            code = 70
            try:
                from metaclr.cli import main

                main()
            except SystemExit as end:
                code = end.code if isinstance(end.code, int) else int(end.code is not None)
            finally:
                sys.stdout.flush()
                sys.stderr.flush()
                os._exit(code)

    def wait(self, seconds: float) -> int | None:
        """Exit code (negative: signal), or None where it still runs after this many seconds."""
        deadline = time.monotonic() + seconds
        while True:
            pid, status = os.waitpid(self.pid, os.WNOHANG)
            if pid:
                return os.waitstatus_to_exitcode(status)
            if time.monotonic() > deadline:
                return None
            time.sleep(0.005)

    def kill(self) -> None:
        """SIGKILL of the command itself, not of its workers."""
        os.kill(self.pid, signal.SIGKILL)
        os.waitpid(self.pid, 0)

    def left(self, seconds: float = 10.0) -> list[str]:
        """Processes of this command that are still there after so many seconds."""
        deadline = time.monotonic() + seconds
        while (alive := self._alive()) and time.monotonic() < deadline:
            time.sleep(0.05)
        return alive

    def _alive(self) -> list[str]:
        alive = []
        for entry in Path("/proc").glob("[0-9]*"):
            try:
                if f"{MARK}={self.mark}".encode() in (entry / "environ").read_bytes():
                    alive.append((entry / "cmdline").read_bytes().replace(b"\0", b" ").decode(errors="replace"))
            except OSError:
                continue
        return alive


def run(arguments: list[str], base: Path) -> float:
    """Run a command to its end; seconds."""
    began = time.monotonic()
    command = Command(arguments, base)
    code = command.wait(600)
    check(code == 0, f"exit code {code}: {command.log.read_text(errors='replace')[-2000:]}")
    return time.monotonic() - began


def check(holds: bool, message: str) -> None:
    """End with the message unless the condition holds."""
    if not holds:
        raise SystemExit(f"FAILED: {message}")


def check_equal(one: Path, two: Path) -> None:
    """Rows but for train_seconds, per-item results, and stored episodes of two folders are equal to the bit."""
    rows = [pd.read_csv(folder / "rows.csv", dtype=str).drop(columns="train_seconds") for folder in (one, two)]
    pd.testing.assert_frame_equal(*rows, check_exact=True)
    for kind in ("per_item", "episodes"):
        names = [sorted(p.name for p in (folder / kind).iterdir()) for folder in (one, two)]
        check(names[0] == names[1], f"{kind}: {names[0]} and {names[1]}")
        for name in names[0]:
            if name.endswith(".npz") and kind == "per_item":
                a, b = (np.load(folder / kind / name) for folder in (one, two))
                check(a.files == b.files, f"{name}: other arrays")
                check(all(np.array_equal(a[key], b[key]) for key in a.files), f"{name}: other results")
            else:
                check((one / kind / name).read_bytes() == (two / kind / name).read_bytes(), f"{name}: other bytes")


def soak(name: str, kills: int, base: Path, rng: random.Random) -> None:
    """Kill one command at random moments; start again in a new folder whenever it finishes."""
    arguments = COMMANDS[name]
    whole = base / f"{name}-whole"
    seconds = run([*arguments, "--out", str(whole)], base)
    done, folders = 0, 0
    while done < kills:
        out = base / f"{name}-{folders}"
        folders += 1
        while True:
            command = Command([*arguments, "--out", str(out)], base)
            code = command.wait(rng.uniform(0, seconds) if done < kills else 600)
            if code is None:
                command.kill()
                done += 1
                left = command.left()
                check(not left, f"processes left after SIGKILL: {left}")
            else:
                check(code == 0, f"exit code {code}: {command.log.read_text(errors='replace')[-2000:]}")
                break
        check_equal(whole, out)
        locks = list(out.rglob("*.lock*"))
        check(not locks, f"locks left: {locks}")
    check(not list((base / "home").iterdir()), f"written outside --out: {list((base / 'home').iterdir())}")
    print(
        f"{name:8} {done} SIGKILLs over {folders} folders, uninterrupted {seconds:.1f} s: equal to the bit", flush=True
    )


def pairs(count: int, base: Path) -> None:
    """Two commands at a time on one folder: one finishes, the other names it and exits with code 2."""
    whole = base / "pairs-whole"
    run([*COMMANDS["compare"], "--out", str(whole)], base)
    for number in range(count):
        out = base / f"pairs-{number}"
        both = [Command([*COMMANDS["compare"], "--out", str(out)], base) for _ in range(2)]
        codes = [command.wait(600) for command in both]
        check(sorted(map(str, codes)) == ["0", "2"], f"exit codes {codes}")
        text = both[codes.index(2)].log.read_text()
        winner = both[codes.index(0)].pid
        check(f"is in use by process {winner} on" in text, text)
        check(len(text.strip().splitlines()) == 1, text)
        check_equal(whole, out)
    print(f"pairs    {count} times two commands on one folder: one finished, one refused", flush=True)


def main() -> None:
    """Run the soak test."""
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--kills", type=int, default=200, help="SIGKILLs in all, divided among the commands")
    parser.add_argument("--pairs", type=int, default=20, help="times two commands on one folder")
    parser.add_argument("--commands", default=",".join(COMMANDS), help="comma-separated")
    parser.add_argument("--seed", type=int, default=0)
    asked = parser.parse_args()
    import torch

    import metaclr.api  # imported before the forks
    import metaclr.comparison.on_ray  # noqa: F401

    torch.set_num_threads(1)
    names, rng = asked.commands.split(","), random.Random(asked.seed)
    with tempfile.TemporaryDirectory(prefix="metaclr-kill-") as folder:
        for number, name in enumerate(names):
            share = asked.kills // len(names) + (number < asked.kills % len(names))
            if share:
                soak(name, share, Path(folder), rng)
        if asked.pairs:
            pairs(asked.pairs, Path(folder))


if __name__ == "__main__":
    main()
