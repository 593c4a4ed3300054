"""How runs are executed: one after the other, `--jobs`, a Ray cluster, or the ranks of torchrun."""

from __future__ import annotations

from importlib.util import find_spec
from multiprocessing import current_process

from metaclr.engine.distributed import ranks
from metaclr.errors import UserError
from metaclr.extras import how_to_get


def check_launcher(jobs: int, ray: str | None, device: str) -> None:
    """Refuse launchers that exclude each other.

    Raises:
        UserError: `--jobs` with `--ray`, either of them under torchrun, `--ray` without Ray, or a worker process that
            imports the script that started it, and with it the same call.
    """
    if getattr(current_process(), "_inheriting", False):
        raise UserError(
            f"jobs = {jobs}: each worker imports this script, and would start the comparison again; put the call "
            'under `if __name__ == "__main__":` (a notebook cell needs none)'
        )
    if jobs > 1 and ray is not None:
        raise UserError("--jobs and --ray both execute runs side by side; leave one of them out")
    if ranks().world > 1 and (jobs > 1 or ray is not None):
        raise UserError(f"torchrun's ranks train every run together; leave out --{'jobs' if jobs > 1 else 'ray'}")
    if ray is None:
        return
    if not ray.strip():
        raise UserError(f"--ray {ray!r}: give local, or the address of a cluster, such as auto or HOST:6379")
    if find_spec("ray") is None:
        raise UserError(f"--ray needs the package 'ray': {how_to_get('ray')}")
    if device.startswith("cuda:"):
        raise UserError(f"--device {device}: with --ray the cluster chooses the GPU; use cpu, cuda or auto")
