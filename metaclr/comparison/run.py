"""One run of a comparison: one method, one source, one seed; one run folder."""

from __future__ import annotations

import hashlib
import json
import re
from collections.abc import Mapping
from dataclasses import dataclass, field
from pathlib import Path
from typing import TYPE_CHECKING

from metaclr.methods.differences import settings
from metaclr.recipe import MethodEntry

if TYPE_CHECKING:
    from episodes import Augmentation
    from metaclr.methods import Method
    from metaclr.recipe import CompareRecipe


@dataclass(frozen=True)
class Run:
    """What is trained once and evaluated on every target."""

    entry: MethodEntry
    method: Method
    source: str
    seed: int
    callables: Mapping[str, Augmentation] = field(default_factory=dict, compare=False)
    """View functions of the caller's own, by the names that the recipe has for them."""

    @property
    def name(self) -> str:
        """Name of the run and of its folder: method, source, seed."""
        source = re.sub(r"[^A-Za-z0-9]+", "-", self.source).strip("-")
        title = re.sub(r"[^A-Za-z0-9.]+", "-", self.entry.title).strip("-")
        return f"{title}-{source}-s{self.seed}"

    def digest(self, recipe: CompareRecipe, fingerprints: dict[str, str]) -> str:
        """Hash of everything that this run's rows depend on: a finished run with the same digest is not redone.

        Other methods, sources and seeds of the recipe are left out, so that adding one redoes nothing.
        """
        from metaclr.engine.distributed import ranks

        part = recipe.model_dump(
            mode="json", exclude={"name", "description", "methods", "seeds", "sources", "cluster", "fixed"}
        )
        part["train"].pop("checkpoint_seconds")
        part["train"].pop("cuda_graph")
        if part["train"].pop("sync_norm") is False:
            part["ranks"] = ranks().world  # otherwise any number of ranks computes the same
        part["run"] = [self.entry.model_dump(mode="json"), self.source, self.seed]
        part["data"] = fingerprints
        # Not repr: a function's address would make every process another comparison.
        part["method"] = settings(self.method)
        return hashlib.sha256(json.dumps(part, sort_keys=True).encode()).hexdigest()


def finished(folder: Path, digest: str) -> bool:
    """Whether this run folder holds a finished run with this digest.

    The marker is written last, so a killed run never looks finished.
    """
    try:
        return bool(json.loads((folder / "done.json").read_text())["digest"] == digest)
    except (OSError, ValueError, KeyError):
        return False
