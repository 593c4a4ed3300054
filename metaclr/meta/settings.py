"""Settings of an inner loop, checked before any work."""

from __future__ import annotations

import math
from collections.abc import Mapping
from dataclasses import dataclass, fields
from typing import TYPE_CHECKING, Any, Literal, TypeVar, get_args

from metaclr.errors import UserError, unknown

if TYPE_CHECKING:
    from metaclr.methods.method import Method

Adapt = Literal["all", "head"]
Rates = Literal["fixed", "layer_step", "parameter"]
Statistics = Literal["batch", "support", "per_step"]
Backend = Literal["batched", "learn2learn"]
CHOICES: dict[str, Any] = {"adapt": Adapt, "rates": Rates, "statistics": Statistics, "backend": Backend}

Settings = TypeVar("Settings")


@dataclass(frozen=True)
class InnerSettings:
    """Settings of MAML and its relatives; FOMAML, ANIL and Meta-SGD are MAML with one of them changed.

    inner_lr: rate of a step on the support; of learned rates, where they start. inner_steps: steps in training.
    test_steps: steps at test time. first_order: drop the second derivatives (FOMAML).
    adapt: "all" weights, or the "head" alone, on features of the whole batch (ANIL; Raghu et al. 2020,
        arXiv:1909.09157).
    rates: "fixed"; learned for each "parameter" (Meta-SGD; Li et al. 2017, arXiv:1707.09835), from uniform numbers in
        0.005 to 0.1; learned for each layer and step, "layer_step" (MAML++; Antoniou et al. 2019, arXiv:1810.09502).
    statistics: of batch norm. "batch": those of the support for the support and those of the queries for the queries
        in training (the authors'); at test time those of the support for both, so that predictions are inductive.
        "support": those of the support for both, in training too. "per_step": as "batch" in training, which records
        the statistics of each step; at test time every step uses its recorded ones (MAML++).
    multi_step: for this fraction of the training, the queries' loss after every step counts, annealed to the loss
        after the last step alone (MAML++). first_order_until: fraction of the training without second derivatives,
        before those come in (MAML++).
    backend: "batched", or "learn2learn", whose algorithm runs task by task.

    MAML++'s cosine schedule of the outer rate is the engine's, `train.schedule`.

    Raises:
        UserError: a value that is not allowed, or settings that exclude each other.
    """

    inner_lr: float = 0.4
    inner_steps: int = 1
    test_steps: int = 1
    first_order: bool = False
    adapt: Adapt = "all"
    rates: Rates = "fixed"
    statistics: Statistics = "batch"
    multi_step: float = 0.0
    first_order_until: float = 0.0
    backend: Backend = "batched"

    def __post_init__(self) -> None:
        number(self, "inner_lr")
        whole(self, "inner_steps")
        whole(self, "test_steps")
        if not isinstance(self.first_order, bool):
            raise UserError(f"first_order = {self.first_order!r}: true or false")
        for name in ("multi_step", "first_order_until"):
            number(self, name, most=1.0)
        for name, choices in CHOICES.items():
            if getattr(self, name) not in get_args(choices):
                raise unknown(name, str(getattr(self, name)), get_args(choices))
        if self.adapt == "head" and self.statistics != "batch":
            raise UserError(f"statistics = {self.statistics!r}: adapt = 'head' adapts no norm; leave it 'batch'")
        if self.backend == "learn2learn":
            self._check_learn2learn()

    def _check_learn2learn(self) -> None:
        for name in ("statistics", "multi_step", "first_order_until"):
            value, usual = getattr(self, name), getattr(InnerSettings, name)
            if value != usual:
                raise UserError(f"{name} = {value!r}: learn2learn does not have it; set backend = 'batched'")
        if self.rates == "layer_step":
            raise UserError("rates = 'layer_step': learn2learn does not have it; set backend = 'batched'")


def read(kind: type[Settings], method: Method, settings: Mapping[str, Any]) -> Settings:
    """Settings of a method: its defaults, replaced by the user's `settings`.

    Raises:
        UserError: an unknown setting, a value that is not allowed, or a method without a fixed number of ways.
    """
    known = {field.name for field in fields(kind)}  # type: ignore[arg-type]
    for name in settings:
        if name not in known:
            raise unknown(f"setting of {method.name or 'maml'}", name, known)
    if method.way is None:
        raise UserError("an inner loop needs a method with a fixed number of ways")
    return kind(**{**method.defaults, **settings})


def number(settings: object, name: str, *, most: float = math.inf, above: float | None = None) -> None:
    """Refuse a value that is no finite number of at least 0, or above `above`, up to `most`.

    Raises:
        UserError: names the setting.
    """
    value = getattr(settings, name)
    is_number = isinstance(value, (int, float)) and not isinstance(value, bool) and math.isfinite(value)
    if not is_number or not 0 <= value <= most or (above is not None and value <= above):
        least = "of at least 0" if above is None else f"above {above:g}"
        raise UserError(f"{name} = {value!r}: a number {least}" + (f" and at most {most:g}" if most < math.inf else ""))


def whole(settings: object, name: str, least: int = 0) -> None:
    """Refuse a value that is no whole number of at least `least`.

    Raises:
        UserError: names the setting.
    """
    value = getattr(settings, name)
    if isinstance(value, bool) or not isinstance(value, int) or value < least:
        raise UserError(f"{name} = {value!r}: a whole number of at least {least}")
