"""NT-Xent, forward and backward: metaclr over tiles and dense against pytorch-metric-learning and lightly.

    python benchmarks/losses.py [--threads 2] [--repeats 9] [--sizes 512 1024 2048 4096 8192] [--dim 128]
                                [--memory 32768] [--tile 1024 1024] [--device cpu] [--json FILE]

The same raw rows into the same loss (checked: all give the same value), two views of each image, in one process,
one library after the other in every repeat, so that a busy machine slows all alike: medians with their quartiles,
ratios from paired repeats. "metaclr" chooses for itself; the dense form and tiles are also forced. Libraries
that are not installed are left out, and so is one from the size on where a call takes over --longest seconds
(pytorch-metric-learning lays out every positive pair against every negative pair). Peak memory is that of a fresh
process above the memory it has with the input in it, the gradient of the input included: at the largest size that
was timed, and at --memory rows for metaclr.
On a GPU: --device cuda; memory is then what torch has allocated.
"""

from __future__ import annotations

import argparse
import json
import statistics
import subprocess
import sys
import time
from collections.abc import Callable
from dataclasses import asdict, dataclass
from importlib import import_module, metadata
from importlib.util import find_spec
from pathlib import Path

import torch
from torch import Tensor

from metaclr.bridge import Objective
from metaclr.bridge.logits.tiling import ON_CPU, ON_GPU, tiling
from metaclr.environment import describe

Loss = Callable[[Tensor], Tensor]
TEMPERATURE = 0.2
LIBRARIES = ("metaclr", "metaclr, tiles", "metaclr, dense", "pytorch-metric-learning", "lightly")


@dataclass(frozen=True)
class Row:
    """What one library takes for one size."""

    rows: int
    library: str
    milliseconds: float
    quartiles: tuple[float, float]
    times_metaclr: float


@dataclass(frozen=True)
class Peak:
    """Megabytes (10^6 bytes) above the input."""

    rows: int
    library: str
    megabytes: float


def loss_of(library: str, options: argparse.Namespace) -> Loss | None:
    """NT-Xent of embeddings `(1, B / 2, 2, D)`; None where the library is not installed."""
    if library.startswith("metaclr"):
        return ours(library, options)
    if library == "pytorch-metric-learning":
        if find_spec("pytorch_metric_learning") is None:
            return None
        theirs = import_module("pytorch_metric_learning.losses").NTXentLoss(temperature=TEMPERATURE)
        return lambda z: theirs(z.flatten(0, 2), torch.arange(z.shape[1], device=z.device).repeat_interleave(2))
    if find_spec("lightly") is None:
        return None
    other = import_module("lightly.loss").NTXentLoss(temperature=TEMPERATURE)
    return lambda z: other(z[0, :, 0], z[0, :, 1])


def ours(library: str, options: argparse.Namespace) -> Loss:
    """metaclr's, as it is or with its choice forced."""
    module = Objective(temperature=TEMPERATURE).build(options.dim).to(options.device)
    if library == "metaclr":
        return module
    size = ON_GPU if options.device.startswith("cuda") else ON_CPU
    rows, columns = options.tile or (size.rows, size.columns)
    above = 0 if library == "metaclr, tiles" else sys.maxsize

    def forced(z: Tensor) -> Tensor:
        with tiling(rows, columns, above):
            return module(z)

    return forced


def draw(rows: int, dim: int, device: str) -> Tensor:
    """Random embeddings, two views of each image that are alike."""
    generator = torch.Generator().manual_seed(0)
    images = torch.randn(1, rows // 2, 1, dim, generator=generator)
    return (images + torch.randn(1, rows // 2, 2, dim, generator=generator)).to(device).requires_grad_()


def wait(device: str) -> None:
    """Until the device has done its work."""
    if device.startswith("cuda"):
        torch.cuda.synchronize()


def once(loss: Loss, z: Tensor, device: str) -> tuple[float, float]:
    """Milliseconds of one forward and backward, and the loss."""
    z.grad = None
    wait(device)
    start = time.perf_counter()
    value = loss(z)
    value.backward()
    wait(device)
    return 1e3 * (time.perf_counter() - start), value.item()


def measure(rows: int, libraries: list[str], options: argparse.Namespace) -> list[Row]:
    """One row per library that is installed."""
    z = draw(rows, options.dim, options.device)
    found = {name: loss_of(name, options) for name in libraries}
    losses = {name: loss for name, loss in found.items() if loss is not None}
    taken: dict[str, list[float]] = {name: [] for name in losses}
    for repeat in range(options.repeats + 2):  # two to warm up
        values = {}
        for name, loss in losses.items():
            once(loss, z, options.device)  # a turn that is not counted: the one before has emptied the caches
            milliseconds, values[name] = once(loss, z, options.device)
            if repeat >= 2:
                taken[name].append(milliseconds)
        if max(values.values()) - min(values.values()) > 1e-4:
            raise SystemExit(f"the libraries do not compute the same loss: {values}")
    return [_row(rows, name, times, taken["metaclr"]) for name, times in taken.items()]


def _row(rows: int, name: str, times: list[float], reference: list[float]) -> Row:
    low, middle, high = statistics.quantiles(times, n=4)
    ratio = statistics.median(theirs / ours for theirs, ours in zip(times, reference, strict=True))
    return Row(rows, name, round(middle, 2), (round(low, 2), round(high, 2)), round(ratio, 2))


def resident(field: str) -> int:
    """Bytes that this process holds (VmRSS), or held at most (VmHWM)."""
    with Path("/proc/self/status").open() as status:
        return next(int(line.split()[1]) for line in status if line.startswith(field)) * 1024


def peak_here(library: str, rows: int, options: argparse.Namespace) -> float:
    """Megabytes above the input in this process, which has done nothing of the size before."""
    loss = loss_of(library, options)
    assert loss is not None
    once(loss, draw(64, options.dim, options.device), options.device)  # libraries are loaded, kernels compiled
    z = draw(rows, options.dim, options.device)
    if options.device.startswith("cuda"):
        torch.cuda.reset_peak_memory_stats()
        before = torch.cuda.memory_allocated()
        once(loss, z, options.device)
        return (torch.cuda.max_memory_allocated() - before) / 1e6
    before = resident("VmRSS")
    once(loss, z, options.device)
    return (resident("VmHWM") - before) / 1e6


def peak(library: str, rows: int, options: argparse.Namespace) -> Peak | None:
    """The same measured in a fresh process; None where it failed, with a line about it."""
    arguments = ["--peak", library, "--memory", str(rows), "--dim", str(options.dim), "--device", options.device]
    arguments += ["--tile", *map(str, options.tile)] if options.tile else []
    command = [sys.executable, __file__, *arguments, "--threads", str(options.threads)]
    done = subprocess.run(command, capture_output=True, text=True, check=False)
    if done.returncode:
        print(f"no peak memory of {library}: {done.stderr.strip().splitlines()[-1:]}")
        return None
    return Peak(rows, library, round(float(done.stdout.split()[-1]), 1))


def _version(package: str) -> str | None:
    try:
        return metadata.version(package)
    except metadata.PackageNotFoundError:
        return None


def arguments() -> argparse.Namespace:
    """What was asked for."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--threads", type=int, default=2)
    parser.add_argument("--repeats", type=int, default=9)
    parser.add_argument("--sizes", type=int, nargs="+", default=[512, 1024, 2048, 4096, 8192])
    parser.add_argument("--dim", type=int, default=128)
    parser.add_argument("--memory", type=int, default=32768, help="rows of the peak memory measurement; 0 for none")
    parser.add_argument("--longest", type=float, default=0.5, help="seconds a call of a library may take")
    parser.add_argument("--tile", type=int, nargs=2, help='rows and columns of a tile of "metaclr, tiles"')
    parser.add_argument("--device", default="cpu")
    parser.add_argument("--json", type=Path, help="also write the JSON here")
    parser.add_argument("--peak", help=argparse.SUPPRESS)
    return parser.parse_args()


def main() -> None:
    """Measure every size, then memory; print tables, then JSON."""
    options = arguments()
    torch.set_num_threads(options.threads)
    if options.peak:
        print(peak_here(options.peak, options.memory, options))
        return
    rows: list[Row] = []
    print(f"{'rows':>6s} {'library':24s} {'ms':>9s}  {'quartiles':>19s}  time over metaclr's")
    libraries = list(LIBRARIES)
    for size in sorted(options.sizes):
        rows += (measured := measure(size, libraries, options))
        late = {row.library for row in measured if row.milliseconds > 1e3 * options.longest}
        libraries = [name for name in libraries if name.startswith("metaclr") or name not in late]
        for row in measured:
            low, high = row.quartiles
            print(
                f"{row.rows:6d} {row.library:24s} {row.milliseconds:9.2f}  {low:>9.2f}-{high:<9.2f}"
                f"  {row.times_metaclr:.2f}",
                flush=True,
            )
    wanted = [*{row.library: row.rows for row in rows}.items(), ("metaclr", options.memory)]
    peaks = [found for name, size in wanted if options.memory and (found := peak(name, size, options))]
    print(f"\n{'rows':>6s} {'library':24s} peak MB above the input")
    for one in peaks:
        print(f"{one.rows:6d} {one.library:24s} {one.megabytes:9.1f}")
    report = {
        "benchmark": "losses",
        "loss": f"NT-Xent, two views, temperature {TEMPERATURE}, {options.dim} dimensions, forward and backward",
        "rows": [asdict(row) for row in rows],
        "peaks": [asdict(one) for one in peaks],
        "repeats": options.repeats,
        "threads": options.threads,
        "environment": describe(torch.device(options.device)),
        "versions": {name: _version(name) for name in ("torch", "metaclr", "pytorch-metric-learning", "lightly")},
    }
    text = json.dumps(report, indent=1)
    print(text)
    if options.json:
        options.json.write_text(text + "\n")


if __name__ == "__main__":
    main()
