"""The settings of one training run, checked before any work."""

from __future__ import annotations

import math
from dataclasses import asdict, dataclass
from typing import Any, Literal, get_args

from metaclr.errors import UserError, unknown

Optimizer = Literal["adam", "adamw", "sgd", "lars"]
Schedule = Literal["cosine", "constant", "linear", "step"]
Precision = Literal["auto", "bf16", "fp32", "fp64"]
Choice = Literal["auto", "on", "off"]

FREE = ("checkpoint_seconds", "compile", "cuda_graph", "prefetch", "device", "loggers")
"""Settings that may change when a run is resumed: they do not change what is computed."""


@dataclass(frozen=True)
class TrainSettings:
    """Settings of `steps` optimizer steps. The sampler determines the batch; `seed` is that of dropout."""

    steps: int = 1000
    optimizer: Optimizer = "adam"
    lr: float = 1e-3
    weight_decay: float = 0.0
    momentum: float = 0.9
    """For sgd and lars; adam and adamw use 0.9 and 0.999."""
    warmup: float = 0.05
    """Linear warm-up: below 1 a fraction of `steps`, from 1 on a number of steps."""
    schedule: Schedule = "cosine"
    clip: float | None = None
    """Largest Euclidean norm of the whole gradient; None: not clipped."""
    chunk_views: int = 0
    """Embed a batch this many views at a time, with the loss and gradient of the whole batch (see
    `metaclr.engine.gradient_cache`, also on batch norm); 0: all at once."""
    precision: Precision = "auto"
    """fp64: weights, losses and optimizer in float64; slow, to separate rounding from mistakes."""
    compile: Choice = "auto"
    cuda_graph: Choice = "auto"
    """Record the step once and replay it, on a GPU; auto: no (see `metaclr.engine.cuda_graph.graph_step`)."""
    prefetch: Choice = "auto"
    """Prepare the next batch during the current step: on a side stream of a GPU, in a thread on a CPU."""
    sync_norm: bool = True
    """With several ranks: batch norm statistics over the global batch, as in one process."""
    checkpoint_seconds: float = 30.0
    log_every: int = 20
    loggers: tuple[str, ...] = ()
    """Names of `metaclr.engine.loggers` that the curve is sent to, beside curve.csv."""
    device: str = "auto"
    seed: int = 0

    def __post_init__(self) -> None:
        for name, legal in (
            ("optimizer", Optimizer),
            ("schedule", Schedule),
            ("precision", Precision),
            ("compile", Choice),
            ("cuda_graph", Choice),
            ("prefetch", Choice),
        ):
            value = getattr(self, name)
            if value not in get_args(legal):
                raise unknown(name, str(value), get_args(legal))
        _whole(self, "steps", 0)
        _whole(self, "log_every", 1)
        _whole(self, "chunk_views", 0)
        if self.chunk_views and self.cuda_graph == "on":
            raise UserError("chunk_views embeds in a loop that a CUDA graph cannot record: set cuda_graph=off")
        _number(self, "lr", above=0.0)
        _number(self, "checkpoint_seconds", above=0.0)
        _number(self, "weight_decay", least=0.0)
        _number(self, "warmup", least=0.0)
        _number(self, "momentum", least=0.0, below=1.0)
        if self.clip is not None:
            _number(self, "clip", above=0.0)

    def fixed(self) -> dict[str, Any]:
        """The settings that must not change when a run is resumed; `steps` may grow."""
        return {name: value for name, value in asdict(self).items() if name not in (*FREE, "steps")}


def _whole(settings: TrainSettings, name: str, least: int) -> None:
    value = getattr(settings, name)
    if not isinstance(value, int) or isinstance(value, bool) or value < least:
        raise UserError(f"{name} = {value!r}: a whole number of at least {least}")


def _number(
    settings: TrainSettings,
    name: str,
    *,
    least: float | None = None,
    above: float | None = None,
    below: float = math.inf,
) -> None:
    value = getattr(settings, name)
    legal = f"at least {least:g}" if least is not None else f"above {above:g}"
    legal += f" and below {below:g}" if below < math.inf else ""
    fits = isinstance(value, (int, float)) and not isinstance(value, bool) and math.isfinite(value)
    fits = fits and (least is None or value >= least) and (above is None or value > above) and value < below
    if not fits:
        raise UserError(f"{name} = {value!r}: a number {legal}")
