"""metaclr under torchrun, as a user starts it."""

from __future__ import annotations

import os
import socket
import subprocess
import sys
from pathlib import Path

ROOT = Path(__file__).parents[3]


def torchrun(*arguments: str, ranks: int = 2) -> subprocess.CompletedProcess[str]:
    """`torchrun --nproc-per-node RANKS -m metaclr ARGUMENTS`, a thread for each rank."""
    with socket.socket() as free:
        free.bind(("127.0.0.1", 0))
        port = free.getsockname()[1]
    command = [
        sys.executable,
        "-m",
        "torch.distributed.run",
        "--nproc-per-node",
        str(ranks),
        "--master-port",
        str(port),
    ]
    return subprocess.run(
        [*command, "-m", "metaclr", *arguments],
        capture_output=True,
        text=True,
        cwd=ROOT,
        env={**os.environ, "OMP_NUM_THREADS": "1", "PYTHONPATH": str(ROOT)},
        check=False,
        timeout=200,
    )
