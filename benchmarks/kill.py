"""Kill metaclr at random moments, resume it, and compare its results with those of an uninterrupted command.

    python benchmarks/kill.py --kills 200 --pairs 20 --json results/kill.json

Commands, on tiny budgets: `compare`, `bridge`, `compare --jobs 2`, `data prepare` of a folder of images, and the first
rendering of the embedded characters inside a `compare`; the last two begin with an empty cache. After every SIGKILL no
process of the command is left. Each command is started again until it ends: then its results are equal to the bit
(`same_results.py`), the home folder is as it was, and no lock and no temporary file is left. Then two commands at a
time on one folder: one finishes, the other exits with code 2 and names the first.

With --json the counts are kept: the same command goes on where it was stopped; --seconds ends a piece of the work.
"""

from __future__ import annotations

import argparse
import json
import os
import random
import shutil
import sys
import tempfile
import time
from collections.abc import Sequence
from dataclasses import asdict, dataclass
from pathlib import Path
from typing import Any

os.environ |= {"OMP_NUM_THREADS": "1", "PYTHONDONTWRITEBYTECODE": "1"}
sys.path.insert(0, str(Path(__file__).parent))

from forked_command import Command
from same_results import differences

TINY = (
    "size=16", "encoder.options={width=4}", "train.steps=30", "train.batch_views=16", "train.compile=off",
    "train.checkpoint_seconds=0.02", "evaluate.few_shot.ways=[5]", "evaluate.few_shot.shots=[1]",
    "evaluate.few_shot.episodes=50", "evaluate.low_label=false", "evaluate.linear=false", 'targets=["digits"]',
)  # fmt: skip
SETTINGS = tuple(word for line in TINY for word in ("--set", line))
COMMANDS = {
    "compare": ("compare", "--methods", "simclr,protonet", "--source", "digits", *SETTINGS),
    "bridge": ("bridge", "simclr", "infonce", "--source", "digits", "--seeds", "1", *SETTINGS),
    "jobs": ("compare", "--methods", "simclr,protonet", "--source", "digits", "--jobs", "2", *SETTINGS),
    "prepare": ("data", "prepare", "IMAGES", "--size", "32"),
    "render": ("compare", "--methods", "simclr", "--source", "glyphs:greek", *SETTINGS),
}
SHARES = {"compare": 6, "bridge": 6, "jobs": 2, "prepare": 4, "render": 2}
"""Of 20 kills: a command with workers, and one that draws the characters, takes several times as long as the others."""
EMPTY_CACHE = ("prepare", "render")
"""Commands that are about filling the cache."""


@dataclass
class Soak:
    """Counts of one command. seconds: of an uninterrupted one."""

    kills: int = 0
    folders: int = 0
    seconds: float = 0.0


def check(holds: bool, message: str) -> None:
    """End with the message unless the condition holds."""
    if not holds:
        raise SystemExit(f"FAILED: {message}")


def arguments_of(name: str, base: Path, out: Path) -> list[str]:
    """The command line; `data prepare` writes into the cache alone."""
    words = [str(base / "images") if word == "IMAGES" else word for word in COMMANDS[name]]
    return words if name == "prepare" else [*words, "--out", str(out)]


def cache_of(name: str, base: Path, out: Path) -> Path:
    """The cache of a command: shared, or beside its folder."""
    return out.with_name(f"{out.name}-cache") if name in EMPTY_CACHE else base / "cache"


def whole(name: str, base: Path) -> tuple[Path, float]:
    """The results of an uninterrupted command, and its seconds in a second run, with the system's files read."""
    for attempt in range(2):
        out = base / f"{name}-whole-{attempt}"
        began = time.monotonic()
        command = Command(arguments_of(name, base, out), base, cache_of(name, base, out))
        code = command.wait(600)
        check(code == 0, f"exit code {code}: {command.output()[-2000:]}")
    check_equal(name, base, base / f"{name}-whole-0", out)
    return out, time.monotonic() - began


def check_equal(name: str, base: Path, one: Path, two: Path) -> None:
    """Both commands left the same results and the same cache."""
    unequal = differences(one, two) if one.exists() else []
    if name in EMPTY_CACHE:
        unequal += differences(cache_of(name, base, one), cache_of(name, base, two))
    check(not unequal, f"{name}: other than uninterrupted: {unequal}")


def hidden(folder: Path) -> list[Path]:
    """Hidden files: locks and temporary ones."""
    return [path for path in folder.rglob("*") if path.name.startswith(".")]


def soak(name: str, until: int, count: Soak, base: Path, rng: random.Random, deadline: float, save: Any) -> None:
    """Kill one command at random moments; begin in a new folder whenever it finishes."""
    expected, count.seconds = whole(name, base)
    home = listing(base / "home")
    while count.kills < until and time.monotonic() < deadline:
        out, killed = base / f"{name}-{count.folders}", 0
        cache = cache_of(name, base, out)
        while True:
            command = Command(arguments_of(name, base, out), base, cache)
            code = command.wait(rng.uniform(0, count.seconds) if count.kills + killed < until else 600)
            if code is not None:
                break
            command.kill()
            killed += 1
            left = command.left()
            check(not left, f"processes left after SIGKILL: {left}")
        check(code == 0, f"exit code {code}: {command.output()[-2000:]}")
        check_equal(name, base, expected, out)
        check(not hidden(out), f"left in the folder: {hidden(out)}")
        check(listing(base / "home") == home, "the home folder was changed")
        count.kills, count.folders = count.kills + killed, count.folders + 1
        save()
        for folder in (out, cache) if cache != base / "cache" else (out,):
            shutil.rmtree(folder, ignore_errors=True)


def pairs(count: Soak, until: int, base: Path, deadline: float, save: Any) -> None:
    """Two commands at a time on one folder: one finishes, the other names it and exits with code 2."""
    expected, count.seconds = whole("compare", base)
    while count.folders < until and time.monotonic() < deadline:
        out = base / f"pairs-{count.folders}"
        both = [Command(arguments_of("compare", base, out), base, base / "cache") for _ in range(2)]
        codes = [command.wait(600) for command in both]
        check(sorted(map(str, codes)) == ["0", "2"], f"exit codes {codes}")
        text = both[codes.index(2)].output()
        check(f"is in use by process {both[codes.index(0)].pid} on" in text, text)
        check(len(text.strip().splitlines()) == 1, text)
        check_equal("compare", base, expected, out)
        check(not hidden(out), f"left in the folder: {hidden(out)}")
        count.folders += 1
        save()
        shutil.rmtree(out)


def listing(folder: Path) -> dict[str, tuple[int, int, bytes]]:
    """Every file and folder with size, time and content."""
    return {
        str(path.relative_to(folder)): (
            path.lstat().st_mode, path.lstat().st_mtime_ns, path.read_bytes() if path.is_file() else b"",
        )
        for path in folder.rglob("*")
    }  # fmt: skip


def fill(base: Path) -> None:
    """A home folder with files of long ago, and a folder of images to prepare."""
    import numpy as np
    from PIL import Image

    for name in (".ssh/id", ".config/app/settings", ".cache/other/x", ".git/HEAD", "notes.txt"):
        path = base / "home" / name
        path.parent.mkdir(parents=True, exist_ok=True)
        path.write_text(name)
        for entry in (path, path.parent):
            os.utime(entry, (1e9, 1e9))
    rng = np.random.default_rng(0)
    for number in range(1000):
        path = base / "images" / f"class-{number // 20}" / f"{number}.png"
        path.parent.mkdir(parents=True, exist_ok=True)
        Image.fromarray(rng.integers(0, 256, (96, 96, 3), dtype=np.uint8)).save(path)


def main(arguments: Sequence[str] | None = None) -> None:
    """Run the soak test."""
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--kills", type=int, default=200, help="SIGKILLs in all, divided among the commands")
    parser.add_argument("--pairs", type=int, default=20, help="times two commands on one folder")
    parser.add_argument("--commands", default=",".join(COMMANDS), help="comma-separated")
    parser.add_argument("--seed", type=int, default=0)
    parser.add_argument("--seconds", type=float, default=float("inf"), help="begin no new folder after so many")
    parser.add_argument("--json", type=Path, help="keep the counts here, and go on from them")
    asked = parser.parse_args(arguments)
    import torch

    import metaclr.api  # imported before the forks
    import metaclr.comparison.launching.on_ray  # noqa: F401
    from metaclr.environment import describe

    torch.set_num_threads(1)
    names = asked.commands.split(",")
    stored = json.loads(asked.json.read_text())["counts"] if asked.json and asked.json.is_file() else {}
    counts = {name: Soak(**stored.get(name, {})) for name in (*names, "pairs")}

    def save() -> None:
        if asked.json:
            content = {
                "what": "SIGKILLs at random moments; every folder's results equal to the bit, no process or file left",
                "counts": {name: asdict(count) for name, count in counts.items()},
                "environment": dict(describe(torch.device("cpu"))),
            }
            asked.json.parent.mkdir(parents=True, exist_ok=True)
            asked.json.write_text(json.dumps(content, indent=1) + "\n")

    deadline = time.monotonic() + asked.seconds
    with tempfile.TemporaryDirectory(prefix="metaclr-kill-") as folder:
        base = Path(folder)
        fill(base)
        for name in names:
            count, share = counts[name], -(-asked.kills * SHARES[name] // sum(SHARES[one] for one in names))
            if count.kills < share and time.monotonic() < deadline:
                rng = random.Random(f"{asked.seed} {name} {count.kills}")
                soak(name, share, count, base, rng, deadline, save)
            print(f"{name:8} {count.kills} SIGKILLs over {count.folders} folders, uninterrupted {count.seconds:.1f} s: "
                  "equal to the bit", flush=True)  # fmt: skip
        if counts["pairs"].folders < asked.pairs and time.monotonic() < deadline:
            pairs(counts["pairs"], asked.pairs, base, deadline, save)
        if asked.pairs:
            print(f"pairs    {counts['pairs'].folders} times two commands on one folder: one finished, one refused")
        temporary = sorted({path.name.split("-")[0] for path in (base / "tmp").iterdir()})
        print(f"left in the folder for temporary files: {', '.join(temporary) or 'nothing'}")


if __name__ == "__main__":
    main()
