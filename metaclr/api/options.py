"""The keyword arguments that `compare` and `bridge_walk` share, declared once."""

from __future__ import annotations

import json
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, fields
from pathlib import Path
from typing import TYPE_CHECKING, Any, TypedDict

from metaclr.api.checks import check_arguments, refuse_one_text
from metaclr.api.warm_start import start_lines
from metaclr.errors import unknown

if TYPE_CHECKING:
    from episodes import ImageSet


class OptionArguments(TypedDict, total=False):
    """Types of the keyword arguments, for `**options: Unpack[OptionArguments]`; see `Options` for their meaning."""

    targets: Sequence[str] | Mapping[str, ImageSet] | None
    seeds: Sequence[int] | None
    steps: int | None
    views_mode: str | None
    start: str | Path | None
    quick: bool
    out: str | Path | None
    device: str
    data_root: str | Path | None
    overrides: Sequence[str]
    jobs: int
    ray: str | None
    log: Sequence[str]
    trust: bool
    quiet: bool


@dataclass(frozen=True)
class Options:
    """What a comparison may change in its recipe, and where and how its runs execute. None keeps the recipe's value."""

    targets: Sequence[str] | Mapping[str, ImageSet] | None = None
    """Names `NAME[:PART]`, or your own `ImageSet`s by name."""
    seeds: Sequence[int] | None = None
    """Training seeds; stored episodes and label subsets do not depend on them."""
    steps: int | None = None
    """Optimizer steps of each training."""
    views_mode: str | None = None
    """"shared" or "per_method": one view recipe for all methods, or the one that each method declares."""
    start: str | Path | None = None
    """Train every method from these weights: the folder of a run, whose network and size of images are taken too, or a
    file of weights for the recipe's encoder."""
    quick: bool = False
    """Shrink every part of the pipeline to finish in about a minute; the numbers are not to be quoted."""
    out: str | Path | None = None
    """Folder of the results; None is `results/NAME`. Finished runs in it are kept."""
    device: str = "auto"
    """"auto", "cpu", "cuda" or "cuda:N"."""
    data_root: str | Path | None = None
    """Folder of data sets; None is the environment variable METACLR_DATA."""
    overrides: Sequence[str] = ()
    """Recipe keys as `"KEY=VALUE"`, such as `"train.lr=0.01"`."""
    jobs: int = 1
    """Runs trained at the same time on this machine, each in a process of its own."""
    ray: str | None = None
    """Spread the runs over a Ray cluster: "local" (this machine), or the address of a running cluster."""
    log: Sequence[str] = ()
    """Send curves and results to "tensorboard", "wandb" or "mlflow" too; see `metaclr.engine.loggers`."""
    trust: bool = False
    """Run the Python files that a recipe in a results folder names; see `metaclr.api.trust`."""
    quiet: bool = False
    """Print no progress."""

    @property
    def root(self) -> Path | None:
        """`data_root` as a path."""
        return Path(self.data_root) if self.data_root else None

    @property
    def recipe_lines(self) -> list[str]:
        """`start`, `steps` and `overrides` as `KEY=VALUE` lines; a run on a CPU requests no GPU of a cluster."""
        budget = [f"train.steps={self.steps}"] if self.steps is not None else []
        log = [f"train.loggers={json.dumps([*self.log])}"] if self.log else []
        return [
            *start_lines(self.start),
            *budget,
            *log,
            *self.overrides,
            *(["cluster.gpus=0"] if self.device == "cpu" else []),
        ]


def read_options(given: Mapping[str, Any]) -> Options:
    """`Options` from keyword arguments.

    Raises:
        UserError: an unknown keyword (names the nearest one), or a value of a wrong type.
    """
    names = [field.name for field in fields(Options)]
    for name, value in given.items():
        if name not in names:
            raise unknown("argument", name, names)
        if name in ("targets", "seeds", "overrides", "log"):
            refuse_one_text(name, value)
    check_arguments(**given)
    return Options(**given)
