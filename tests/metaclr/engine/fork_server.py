"""A process that has imported torch once (seconds) and forks a child for each line that it reads.

"train FOLDER DIES_IN_WRITE" answers "began PID", "training" with the first batch, "ended CODE" (negative: a signal).
"ranks FOLDER PORT" runs one process alone and two ranks together, and answers "ended CODE CODE CODE".
"""

from __future__ import annotations

import importlib.util
import os
import sys
import traceback
from collections.abc import Callable
from pathlib import Path
from typing import Any

import torch
import torch._dynamo  # an optimizer imports it; once here, not in every child


def beside(name: str) -> Any:
    """The module in the file `name` of this folder."""
    spec = importlib.util.spec_from_file_location(name, Path(__file__).with_name(f"{name}.py"))
    assert spec
    assert spec.loader
    module = importlib.util.module_from_spec(spec)
    spec.loader.exec_module(module)
    return module


def fork(work: Callable[[], int | None]) -> int:
    pid = os.fork()
    if pid == 0:
        code = 70
        try:
            code = work() or 0
        except KeyboardInterrupt:
            code = 1
        except Exception:
            traceback.print_exc()
        finally:
            os._exit(code)
    return pid


def main() -> None:
    torch.set_num_threads(1)
    small, trainee, ranks = beside("conftest"), beside("trainee"), beside("ranks_child")
    print("ready", flush=True)
    for line in sys.stdin:
        job, folder, number = line.split()
        out, count = Path(folder), int(number)
        if job == "train":

            def train(out: Path = out, count: int = count) -> int:
                print(f"began {os.getpid()}", flush=True)
                return int(trainee.child(small, out, count))

            children = [fork(train)]
        else:
            roles = ((0, 1), (0, 2), (1, 2))
            children = [fork(lambda r=r, w=w, o=out, p=count: ranks.rank(o, r, w, p)) for r, w in roles]
        codes = [os.waitstatus_to_exitcode(os.waitpid(pid, 0)[1]) for pid in children]
        print("ended", *codes, flush=True)


if __name__ == "__main__":
    main()
