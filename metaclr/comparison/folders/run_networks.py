"""The networks of a finished run's folder beside its encoder: the projector, and the objective that trained both."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING, Any

from metaclr.comparison.folders.run_folder import read_inputs
from metaclr.engine import checkpoint
from metaclr.errors import UserError

if TYPE_CHECKING:
    from metaclr.bridge import Objective
    from metaclr.networks.projectors import Projector

OBJECTIVE = "objective."
PROJECTOR = "projector."


@dataclass(frozen=True)
class RunNetworks:
    """What a run's folder says about its training. `objective` is None off the bridge, or for a method file."""

    title: str
    inputs: Mapping[str, Any]
    projector: Projector | None
    objective: Objective | None
    temperature: float | None

    @property
    def target(self) -> str | None:
        """The first target that it was evaluated on."""
        return next(iter(self.inputs.get("targets", ())), None)


def run_networks(folder: Path, features: int) -> RunNetworks | None:
    """The projector (on the CPU, in eval mode) and the objective of a run; None where the folder is not of a run.

    Nothing in the folder is executed.

    Args:
        features: F of the run's encoder.

    Raises:
        UserError: a damaged checkpoint.
    """
    inputs = read_inputs(folder).get("inputs")
    if not inputs:
        return None
    stored = checkpoint.load(folder)
    weights = {} if stored is None else stored.learner
    objective = _objective(inputs)
    temperature = None if objective is None else float(objective.temperature)
    if (scale := weights.get(f"{OBJECTIVE}log_scale")) is not None:
        temperature = float((-scale).exp())
    title = str(inputs.get("label") or inputs.get("method", {}).get("name", folder.name))
    return RunNetworks(title, inputs, _projector(inputs, weights, features), objective, temperature)


def _projector(inputs: Mapping[str, Any], weights: Mapping[str, Any], features: int) -> Projector | None:
    """The trained projector; None for a method without one (controls, MAML)."""
    from metaclr.networks import build_projector

    own = {name.removeprefix(PROJECTOR): value for name, value in weights.items() if name.startswith(PROJECTOR)}
    name = str(inputs.get("method", {}).get("projector", "none"))
    if not own or name == "none":
        return None
    encoder = inputs.get("encoder", {})
    try:
        built = build_projector(
            name, features, hidden=encoder.get("projector_hidden"), dim=encoder.get("projector_dim"), seed=0
        )
        built.load_state_dict(own)
    except (UserError, RuntimeError):
        return None
    return built.eval()


def _objective(inputs: Mapping[str, Any]) -> Objective | None:
    """The objective of a shipped method with the run's settings, if it is on the bridge."""
    from metaclr.bridge import Objective, override
    from metaclr.bridge.settings import leaves
    from metaclr.methods import get

    method = inputs.get("method", {})
    try:
        spec = get(str(method.get("name"))).objective
        if not isinstance(spec, Objective):
            return None
        known = leaves(spec)
        settings = {key: value for key, value in method.get("settings", {}).items() if key in known}
        return override(spec, **settings)
    except UserError:
        return None
