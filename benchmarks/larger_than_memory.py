"""Training from a set larger than memory: views a second from the file and from memory, and what memory it takes.

    python benchmarks/larger_than_memory.py --dir FOLDER [--gigabytes 10] [--steps 60] [--rounds 5] [--device auto]

Writes a synthetic set of color images in FOLDER (removed afterwards), reads all of it once for its fingerprint, and
trains the same Conv-4 with the same loop on all of it from the file, and on a resident set of the same images, at
most `--resident` gigabytes of them, in turn. Memory is that of this process in Linux's own count, looked at every
50 ms: RssAnon is what it allocated, RssFile what it has mapped of files, libraries included. `--cold` asks the system
to forget the file before each round from it.
"""

from __future__ import annotations

import argparse
import gc
import json
import os
import statistics
import tempfile
import threading
import time
from collections.abc import Iterator
from contextlib import contextmanager
from functools import partial
from pathlib import Path

import numpy as np
import torch

from episodes import PRESETS, Episode, EpisodeSampler, ImageSet, Prefetcher, TaskShape, open_npy, render
from metaclr.device import choose_device
from metaclr.engine import Learner, TrainSettings, train
from metaclr.environment import describe
from metaclr.methods import get
from metaclr.networks import build_encoder, build_projector
from metaclr.networks.allocator import keep_freed_memory

GIGA = 10**9


def write(path: Path, count: int, size: int) -> None:
    """`count` images (3, size, size) of noise, a million bytes or so at a time."""
    array = np.lib.format.open_memmap(path, mode="w+", dtype=np.uint8, shape=(count, 3, size, size))
    del array  # the header and the length; the pixels are written below, so that no page of them is mapped
    chunk, row = 256, 3 * size * size
    noise = np.random.default_rng(0).integers(0, 256, chunk * row + 4096, dtype=np.uint8)
    with path.open("r+b") as file:
        file.seek(path.stat().st_size - count * row)
        for number, start in enumerate(range(0, count, chunk)):
            shift = number % 4096
            file.write(noise[shift : shift + min(chunk, count - start) * row].data)
        file.flush()
        os.fsync(file.fileno())


def memory() -> dict[str, int]:
    """RssAnon and RssFile of this process in bytes; empty where the system does not say."""
    try:
        lines = Path("/proc/self/status").read_text(encoding="ascii").splitlines()
    except OSError:
        return {}
    parted = (line.partition(":") for line in lines)
    return {name: int(rest.split()[0]) << 10 for name, _, rest in parted if name in ("RssAnon", "RssFile")}


@contextmanager
def watched() -> Iterator[dict[str, int]]:
    """The peaks of `memory` while the block runs."""
    peaks: dict[str, int] = {}
    stop = threading.Event()

    def look() -> None:
        while True:
            for name, value in memory().items():
                peaks[name] = max(peaks.get(name, 0), value)
            if stop.wait(0.05):
                return

    thread = threading.Thread(target=look)
    thread.start()
    try:
        yield peaks
    finally:
        stop.set()
        thread.join()


def rate(images: ImageSet, arguments: argparse.Namespace, device: torch.device) -> float:
    """Views a second of one training on `images`, where they are."""
    shape = TaskShape(way=arguments.batch // 2, shot=1, query=1)
    encoder = build_encoder("conv4", images.channels, arguments.size, seed=0, width=arguments.width)
    projector = build_projector("mlp", int(encoder.features), hidden=128, dim=64, seed=0)  # type: ignore[arg-type]
    learner = Learner(encoder, projector, get("simclr").objective.build(int(projector.features)))  # type: ignore[arg-type]
    settings = TrainSettings(steps=arguments.steps, device=str(device), compile="off")
    sampler = EpisodeSampler(images, shape)

    def pixels(episode: Episode) -> torch.Tensor:
        return render(images, episode, PRESETS[arguments.views], seed=0)

    run = partial(train, learner, render=pixels, settings=settings)
    if images.in_memory_of(device):
        return run(sampler=sampler).views_per_second
    with Prefetcher(sampler, steps=settings.steps, pin=device.type == "cuda") as ahead:
        return run(sampler=ahead).views_per_second


def forget(path: Path) -> None:
    """Ask the system to drop the file from its cache."""
    if hasattr(os, "posix_fadvise"):
        with path.open("rb") as file:
            os.posix_fadvise(file.fileno(), 0, 0, os.POSIX_FADV_DONTNEED)


def measure(path: Path, arguments: argparse.Namespace) -> dict[str, object]:
    """Both trainings in turn, `--rounds` times after one that is not counted."""
    device = choose_device(arguments.device)
    mapped = ImageSet(open_npy(path), name="mapped")
    held = int(arguments.resident * GIGA) // (3 * arguments.size**2)
    some = torch.arange(min(len(mapped), max(arguments.batch, held)))
    rates: dict[str, list[float]] = {"mapped": [], "resident": []}
    before = memory()
    with watched() as seen:
        mapped.fingerprint()  # reads all of it
    peaks = {"fingerprint": dict(seen)}
    for number in range(arguments.rounds + 1):
        # From the file first: in the first round its peaks are of a process that never held the set.
        for name, found in rates.items():
            if arguments.cold and name == "mapped":
                forget(path)
            images = mapped if name == "mapped" else mapped.select(some).to(device)
            with watched() as seen:
                views = rate(images, arguments, device)
            del images
            gc.collect()
            if number:
                found.append(views)
            peaks.setdefault(name, dict(seen))
    ratios = [a / b for a, b in zip(rates["mapped"], rates["resident"], strict=True)]
    return {
        "environment": describe(device),
        "images": len(mapped),
        "gigabytes": mapped.images.numel() / GIGA,
        "resident_gigabytes": len(some) * 3 * arguments.size**2 / GIGA,
        "steps": arguments.steps,
        "views_per_s": {name: statistics.median(found) for name, found in rates.items()},
        "mapped_over_resident": statistics.median(ratios),
        "ratios": ratios,
        "before_bytes": before,
        "peak_bytes_first_round": peaks,
    }


def main() -> None:
    """Write the set, measure, remove it, print a table and JSON."""
    parser = argparse.ArgumentParser(description=(__doc__ or "").partition("\n")[0])
    parser.add_argument("--dir", type=Path, required=True)
    parser.add_argument("--gigabytes", type=float, default=10.0)
    parser.add_argument("--resident", type=float, default=2.0, help="gigabytes of the set that is held in memory")
    parser.add_argument("--size", type=int, default=84)
    parser.add_argument("--batch", type=int, default=512, help="views a step")
    parser.add_argument("--steps", type=int, default=60)
    parser.add_argument("--rounds", type=int, default=5)
    parser.add_argument("--width", type=int, default=64, help="of the Conv-4")
    parser.add_argument("--views", default="simclr", choices=sorted(PRESETS))
    parser.add_argument("--device", default="auto")
    parser.add_argument("--cold", action="store_true")
    parser.add_argument("--json", type=Path)
    arguments = parser.parse_args()
    keep_freed_memory()  # as `metaclr train` does
    count = max(arguments.batch, int(arguments.gigabytes * GIGA) // (3 * arguments.size**2))
    arguments.dir.mkdir(parents=True, exist_ok=True)
    with tempfile.TemporaryDirectory(dir=arguments.dir) as folder:
        path = Path(folder) / "images.npy"
        began = time.monotonic()
        write(path, count, arguments.size)
        print(f"{count:,} images, {path.stat().st_size / GIGA:.2f} GB, written in {time.monotonic() - began:.0f} s")
        found = measure(path, arguments)
    for name, views in found["views_per_s"].items():  # type: ignore[attr-defined]
        peak = found["peak_bytes_first_round"].get(name, {})  # type: ignore[attr-defined]
        held = ", ".join(f"{kind} {size / 2**20:,.0f} MiB" for kind, size in peak.items())
        print(f"{name:9} {views:10,.0f} views/s   {held}")
    peak = found["peak_bytes_first_round"]["fingerprint"]  # type: ignore[index]
    print(f"fingerprint of all of it: {', '.join(f'{kind} {size / 2**20:,.0f} MiB' for kind, size in peak.items())}")
    print(f"mapped over resident: {found['mapped_over_resident']:.3f}")
    text = json.dumps(found, indent=1)
    print(text)
    if arguments.json:
        arguments.json.write_text(text + "\n", encoding="utf-8")


if __name__ == "__main__":
    main()
