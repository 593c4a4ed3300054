"""Inputs that no user means and every program meets: command lines, files and folders, API arguments.

Each entry is refused in one line, or works; none ends in a traceback and none hangs. Nothing here trains, so the corpus
runs in one process.
"""

from __future__ import annotations

import json
import os
import struct
import zipfile
import zlib
from collections.abc import Iterator
from pathlib import Path

import numpy as np

WORDS = (
    "", " ", "\x00", "nope", "~nouser/x", "../..", "/", "/dev/null", "/dev/zero", "é ü 漢字", "a" * 300, "-1", "1e400",
    "NaN", "[", "{", "%s", "$(x)", ":", "a:b:c", "*", "\udcff", "null", "None", "0x10", "-0",
)  # fmt: skip
"""Words for any place that takes one."""

NUMBERS = ("-1", "0", "1.5", "nan", "inf", "1e30", "9223372036854775808", "abc", "", " ", "[1]", "1,2", "True")

KEYS = (
    "train.steps", "train.lr", "train.batch_views", "train.optimizer", "train.precision", "train.warmup", "size",
    "channels", "seeds", "methods", "targets", "sources", "views", "encoder.name", "encoder.options", "evaluate",
    "evaluate.few_shot.ways", "evaluate.few_shot.query", "evaluate.low_label.fractions", "cluster.gpus", "nope",
    "train", "train.nope.deeper", "evaluate.few_shot.ways.0", "name", "views_mode",
)  # fmt: skip


def command_lines(folder: Path) -> Iterator[list[str]]:
    """Argument lists for every verb. `folder` holds the hostile files (see `write_files`)."""
    out = str(folder / "out")
    for word in WORDS:
        yield [word]
        yield ["compare", word, "--out", out]
        yield ["compare", "--source", word, "--out", out]
        yield ["compare", "--seeds", word, "--out", out]
        yield ["bridge", word, "simclr", "--out", out]
        if word:  # an empty list of methods or axes is the recipe's own, which is work
            yield ["compare", "--methods", word, "--out", out]
            yield ["bridge", "simclr", "protonet", "--order", word, "--dry-run"]
        yield ["train", word, "--out", out]
        yield ["train", "simclr", "--source", word, "--out", out]
        yield ["train", "simclr", "--recipe", word, "--out", out]
        yield ["train", "simclr", "--device", word, "--out", out]
        yield ["evaluate", word, "--out", out]
        yield ["data", "show", word]
        yield ["report", word]
        yield ["table", word]
        yield ["methods", "show", word]
        yield ["recipes", "show", word]
        yield ["episodes", word, "--out", str(folder / "picture.png")]
        yield ["train", "simclr", "--set", word, "--out", out]
        yield from _of_trained_encoders(word, folder)
        yield ["sweep", f"temperature={word or 'x'}", "--steps", "nope", "--out", out]
        yield ["sweep", f"{word}=1", "--source", "digits", "--target", "digits", "--out", out]
        yield ["cite", word]
        if word:  # without a name, the reproductions are listed
            yield ["reproduce", word, "--budget", "smoke", "--out", out]
            yield ["compare", "--protocol", word, "--set", "train.steps=nope", "--out", out]
        yield ["data", "get", word or "nope"]
    for key in KEYS:
        for number in NUMBERS:
            yield ["compare", "--set", f"{key}={number}", "--set", "train.steps=nope", "--out", out]
    for path in sorted((folder / "files").iterdir()):
        yield ["data", "show", str(path)]
        yield ["compare", str(path), "--set", "train.steps=nope", "--out", out]
        yield ["train", "simclr", "--source", str(path), "--steps", "0", "--out", out]
        yield ["evaluate", str(path), "--out", out]
        yield ["report", str(path)]
        yield ["table", str(path)]
        yield from _of_trained_encoders(str(path), folder)


def _of_trained_encoders(word: str, folder: Path) -> Iterator[list[str]]:
    """The verbs that take a run, a comparison or a file of weights."""
    new = str(folder / "files" / "short.csv")
    yield ["predict", word, "--support", str(folder / "files"), new]
    yield ["embed", word, "digits", "--out", str(folder / "out.npz")]
    yield ["export", word, "--out", str(folder / "out")]
    yield ["neighbors", word, "digits", "--out", str(folder / "out.html")]
    yield ["map", word, "digits", "--out", str(folder / "out.html")]
    yield ["diagnose", word or "nope", "--out", str(folder / "out")]
    yield ["train", "simclr", "--from", word or "nope", "--steps", "0", "--out", str(folder / "out")]


def write_files(folder: Path) -> None:
    """Files and folders of every kind that can be named on a command line, each broken in one way."""
    files = folder / "files"
    files.mkdir(parents=True)
    text = {
        "empty.toml": "",
        "not.toml": "a = [1,",
        "nested.toml": "a = " + "[" * 500 + "]" * 500,
        "types.toml": "train = 3\nmethods = {}\nseeds = 'x'\n",
        "unknown.toml": "[train]\nsteeps = 3\n",
        "nul.toml": "name = 'a\x00b'\n",
        "syntax.py": "def (",
        "raises.py": "raise RuntimeError('no')",
        "exits.py": "import sys; sys.exit(3)",
        "no_method.py": "X = 1",
        "wrong_method.py": "METHOD = 3",
        "notes.txt": "hello",
        "rows.csv": "run,method\nx,y\n",
        "short.csv": "filename,label\n",
    }
    for name, content in text.items():
        (files / name).write_text(content, encoding="utf-8")
    (files / "latin.toml").write_bytes(b"name = '\xff\xfe'\n")
    (files / "cut.npz").write_bytes(b"PK\x03\x04")
    (files / "none.npz").write_bytes(b"")
    with zipfile.ZipFile(files / "text.npz", "w") as archive:
        archive.writestr("images.npy", "not an array")
    rng = np.random.default_rng(0)
    images = rng.integers(0, 255, (12, 8, 8), dtype=np.uint8)
    arrays: dict[str, dict[str, object]] = {
        "label_huge": {"images": images, "labels": np.full(12, 2**62)},
        "label_negative": {"images": images, "labels": np.full(12, -1)},
        "label_float": {"images": images, "labels": np.linspace(0, 1, 12)},
        "label_nan": {"images": images, "labels": np.full(12, np.nan)},
        "label_short": {"images": images, "labels": np.zeros(5, dtype=np.int64)},
        "images_object": {"images": np.array([{}, []], dtype=object), "labels": np.zeros(2, dtype=np.int64)},
        "images_none": {"images": np.zeros((0, 8, 8), dtype=np.uint8), "labels": np.zeros(0, dtype=np.int64)},
        "images_flat": {"images": np.zeros(12, dtype=np.uint8)},
        "images_5d": {"images": np.zeros((2, 2, 2, 2, 2), dtype=np.uint8)},
        "images_nan": {"images": np.full((4, 8, 8), np.nan, dtype=np.float32)},
        "no_images": {"labels": np.zeros(3, dtype=np.int64)},
        "names_short": {"images": images, "labels": np.arange(12) % 4, "class_names": np.array(["a"])},
    }
    for name, content in arrays.items():
        np.savez(files / f"{name}.npz", **content)  # type: ignore[arg-type]
    _folders(files)


def _folders(files: Path) -> None:
    for name in ("empty", "empty_class/a", "run", "results", "checkpoint"):
        (files / name).mkdir(parents=True)
    (files / "run" / "done.json").write_text("[1, 2")
    (files / "run" / "encoder.toml").write_text("name = 3\noptions = 'x'\n")
    (files / "run" / "encoder.pt").write_bytes(b"junk")
    (files / "results" / "rows.csv").write_text("run,method\n")
    (files / "results" / "about.json").write_text(json.dumps({"nope": 1}))
    (files / "checkpoint" / "checkpoint.pt").write_bytes(b"\x80\x04junk")
    broken = files / "broken_images" / "a"
    broken.mkdir(parents=True)
    (broken / "empty.png").write_bytes(b"")
    (broken / "page.jpg").write_text("<html>not found</html>")
    (broken / "bomb.png").write_bytes(_png(60_000, 60_000))
    links = files / "links"
    links.mkdir()
    (links / "up").symlink_to(files)
    (links / "nowhere").symlink_to(files / "missing")
    special = files / "special" / "a"
    special.mkdir(parents=True)
    os.mkfifo(special / "pipe.png")
    os.mkfifo(files / "pipe.npz")
    Path(os.fsdecode(os.fsencode(files) + b"/odd_\xff/class_\xfe")).mkdir(parents=True)
    (files / "deep").mkdir()
    deep = files / "deep"
    for _ in range(60):
        deep = deep / "d"
    deep.mkdir(parents=True)


def _png(width: int, height: int) -> bytes:
    """The start of a PNG that declares more pixels than anybody has memory for."""
    header = struct.pack(">IIBBBBB", width, height, 8, 0, 0, 0, 0)
    chunk = b"IHDR" + header
    return b"\x89PNG\r\n\x1a\n" + struct.pack(">I", 13) + chunk + struct.pack(">I", zlib.crc32(chunk))
