"""Runs spread over a Ray cluster: each is one task, and a run whose worker is lost starts again.

The plan, images included, is put into the object store once, so that nodes need neither the data nor the folder. A
worker that sees the comparison's folder works in it, and a run that starts again resumes from its checkpoint. On a node
that does not, the run folder is temporary and its files are sent back as bytes.
"""

from __future__ import annotations

import os
import secrets
import shutil
import socket
import tempfile
from collections.abc import Iterator
from contextlib import contextmanager, suppress
from dataclasses import dataclass, field, replace
from pathlib import Path
from typing import TYPE_CHECKING, Any

from metaclr.comparison.folders.run_folder import DONE, unfinished
from metaclr.comparison.launching.parallel import check_sendable
from metaclr.comparison.launching.serial import execute_run
from metaclr.comparison.planning.plan import Plan
from metaclr.comparison.runs.run import Run
from metaclr.console import progress
from metaclr.engine import Interrupted
from metaclr.engine.process_group import USER_ERRORS, error_line
from metaclr.errors import UserError
from metaclr.files import write_atomic

if TYPE_CHECKING:
    from metaclr.recipe import ClusterRecipe

_STORE = 1 << 27
"""Bytes of the object store of a local cluster beside the plan itself."""


@dataclass(frozen=True)
class Outcome:
    """What a worker sends back. failure: why the run failed; error: what ends the whole comparison."""

    failure: str = ""
    error: str = ""
    files: dict[str, bytes] = field(default_factory=dict)


def run_on_ray(plan: Plan, address: str, *, quiet: bool = False) -> dict[str, str]:
    """Execute the unfinished runs on a Ray cluster; the address "local" starts one of this machine's cores and GPUs.

    Returns:
        The reason of each failed run, by run name; a worker lost more than `cluster.retries` times is one.

    Raises:
        UserError: no cluster at the address, one without a node large enough for a run, a method that cannot be sent.
    """
    import ray

    todo = unfinished(plan)
    check_sendable(plan)
    if not todo:
        return {}
    plan = replace(plan, out=plan.out.resolve())
    failures: dict[str, str] = {}
    with _cluster(address, _size(plan)), _mark(plan.out) as mark:
        options = _options(plan, [node["Resources"] for node in ray.nodes() if node["Alive"]])
        stored, task = ray.put(plan), ray.remote(_do)
        title = f"{len(todo)} runs on Ray, {options['num_cpus']} cores and {options['num_gpus']:g} GPUs each"
        with progress(title, quiet=quiet) as bar:
            waiting = {task.options(name=run.name, **options).remote(stored, run, mark): run for run in todo}
            try:
                while waiting:
                    (done, *_), _ = ray.wait(list(waiting), num_returns=1)
                    run = waiting.pop(done)
                    outcome = _outcome(done, plan.recipe.cluster)
                    if outcome.error:
                        raise UserError(outcome.error)
                    if outcome.failure:
                        failures[run.name] = outcome.failure
                    _bring_home(plan.folder(run), outcome.files)
                    bar(len(todo) - len(waiting), len(todo), f"{run.entry.title}, seed {run.seed}")
            finally:
                for left in waiting:
                    ray.cancel(left, force=True)
    return failures


def _do(plan: Plan, run: Run, mark: str) -> Outcome:
    """Execute a run on a worker: in the comparison's folder where this node sees it, else in a temporary one."""
    import ray
    import torch

    gpu = bool(ray.get_gpu_ids())
    torch.set_num_threads(plan.recipe.cluster.cpus)
    here = replace(plan, device=torch.device("cuda" if gpu else "cpu"))
    sees_folder = (plan.out / mark).is_file()
    if not sees_folder:
        # The same name when the run starts again: on the same node it resumes from the checkpoint.
        here = replace(here, out=Path(tempfile.gettempdir()) / f"metaclr{mark}")
    try:
        failure = execute_run(here, run)
    except Interrupted as interrupt:
        os._exit(interrupt.exit_code)  # the node is being taken away: a lost worker, whose run starts again
    except USER_ERRORS as error:
        return Outcome(error=f"{run.name}: {error_line(error)}")
    if sees_folder:
        return Outcome(failure)
    folder = here.folder(run)
    files = {path.name: path.read_bytes() for path in folder.iterdir() if path.is_file()}
    shutil.rmtree(folder, ignore_errors=True)
    with suppress(OSError):  # the last run on this node leaves nothing
        folder.parent.rmdir()
        here.out.rmdir()
    return Outcome(failure, files=files)


def _outcome(done: Any, cluster: ClusterRecipe) -> Outcome:
    import ray

    lost = (ray.exceptions.WorkerCrashedError, ray.exceptions.NodeDiedError, ray.exceptions.OutOfMemoryError)
    try:
        outcome: Outcome = ray.get(done)
    except lost as error:
        return Outcome(f"its worker was lost {cluster.retries + 1} times ({type(error).__name__})")
    except ray.exceptions.RaySystemError as error:
        why = next((line for line in str(error).splitlines() if "System error" in line), str(error))
        return Outcome(
            error=f"a Ray worker cannot read the comparison ({why.partition('System error: ')[2] or why}); every node "
            "needs this metaclr and the modules of your own methods"
        )
    return outcome


def _bring_home(folder: Path, files: dict[str, bytes]) -> None:
    """Write a run folder's files, the marker of a finished run last."""
    for name in sorted(files, key=lambda name: name == DONE):
        write_atomic(folder / name, files[name])


def _options(plan: Plan, nodes: list[dict[str, float]]) -> dict[str, Any]:
    """The resources that Ray must give each run.

    Raises:
        UserError: no node of the cluster has them; the run would wait for ever.
    """
    request = plan.recipe.cluster
    gpus = request.gpus
    if gpus is None:
        gpus = 1.0 if plan.device.type == "cuda" or any(node.get("GPU", 0) >= 1 for node in nodes) else 0.0
    if not any(node.get("CPU", 0) >= request.cpus and node.get("GPU", 0) >= gpus for node in nodes):
        raise UserError(
            f"cluster.cpus = {request.cpus}, cluster.gpus = {gpus:g}: no node of the Ray cluster has them; there are "
            + ", ".join(f"{node.get('CPU', 0):g} cores with {node.get('GPU', 0):g} GPUs" for node in nodes)
        )
    return {"num_cpus": request.cpus, "num_gpus": gpus, "max_retries": request.retries}


@contextmanager
def _cluster(address: str, size: int) -> Iterator[None]:
    """Connect to a cluster; one that the caller has connected to already is used and left as it is."""
    import ray

    if ray.is_initialized():
        yield
        return
    _check_answers(address)
    os.environ.setdefault("RAY_USAGE_STATS_ENABLED", "0")
    own = {"include_dashboard": False, "object_store_memory": _STORE + 2 * size} if address == "local" else {}
    try:
        ray.init(address=address, log_to_driver=False, logging_level="ERROR", **own)
    except (ConnectionError, RuntimeError, ValueError) as error:
        raise UserError(
            f"--ray {address}: no cluster can be reached there ({' '.join(str(error).split())[:200]})"
        ) from error
    try:
        yield
    finally:
        ray.shutdown()


def _check_answers(address: str) -> None:
    """Check that a cluster listens at the address; Ray itself would try for minutes.

    Raises:
        UserError: no answer within 10 seconds.
    """
    host, _, port = address.removeprefix("ray://").rpartition(":")
    if host and port.isdigit():
        try:
            socket.create_connection((host, int(port)), timeout=10).close()
        except (OSError, OverflowError) as error:
            raise UserError(f"--ray {address}: no cluster answers there ({error})") from error


@contextmanager
def _mark(out: Path) -> Iterator[str]:
    """The name of a file in the folder; a worker that finds it sees this folder."""
    name = f".ray-{secrets.token_hex(8)}"
    (out / name).touch()
    try:
        yield name
    finally:
        with suppress(OSError):
            (out / name).unlink()


def _size(plan: Plan) -> int:
    """Bytes of the images of a plan that are in memory; those that stay in their file are sent as its name."""
    import torch

    sets = [*plan.sources.values(), *(target.images for target in plan.targets.values())]
    return sum(s.images.nbytes for s in sets if isinstance(s.images, torch.Tensor))
