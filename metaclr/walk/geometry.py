"""Alignment and uniformity of a run's encoder on images of the target, computed once and stored in the run folder."""

from __future__ import annotations

import json
from dataclasses import dataclass
from functools import cached_property
from pathlib import Path
from typing import TYPE_CHECKING

from metaclr.comparison.planning.plan import Plan
from metaclr.comparison.runs.run import Run
from metaclr.engine.process_group import broadcast_from_first
from metaclr.files import write_atomic

if TYPE_CHECKING:
    from torch import nn

    from episodes import ImageSet

NAME = "geometry.json"
MAX_IMAGES = 1000
"""Images of the target that are measured, evenly spaced."""


@dataclass(frozen=True)
class Probe:
    """The images of one target and two views of each, the same for every encoder."""

    plan: Plan
    target: str

    @cached_property
    def images(self) -> ImageSet:
        """At most `MAX_IMAGES` of the target's images."""
        from metaclr.evaluation.probe_views import spaced

        all_images = self.plan.targets[self.target].images
        return all_images.select(spaced(len(all_images), MAX_IMAGES))

    @cached_property
    def views(self) -> ImageSet:
        """Two views of each image by the comparison's view recipe, next to each other: (2 M, C, H, W)."""
        from metaclr.evaluation.probe_views import probe_views
        from metaclr.recipe.views import view_recipe

        return probe_views(self.images, view_recipe(self.plan.recipe.views, self.plan.recipe.view_recipes), 2)


def geometry(probe: Probe, run: Run) -> tuple[float, float]:
    """Alignment and uniformity of the encoder of a finished run; see `metaclr.diagnose`.

    Of several ranks the first reads and writes the stored values; all ranks compute, or none does.
    """
    path = probe.plan.folder(run) / NAME
    identity = f"{probe.plan.digest(run)} {probe.target} {MAX_IMAGES}"
    if stored := broadcast_from_first(lambda: _stored(path, identity)):
        return stored
    alignment, uniformity = measure(_encoder(probe.plan, run), probe)
    content = {"identity": identity, "alignment": alignment, "uniformity": uniformity}
    broadcast_from_first(lambda: write_atomic(path, json.dumps(content)))
    return alignment, uniformity


def _stored(path: Path, identity: str) -> tuple[float, float] | None:
    try:
        stored = json.loads(path.read_text())
        return (stored["alignment"], stored["uniformity"]) if stored["identity"] == identity else None
    except (OSError, ValueError, KeyError):
        return None


def measure(encoder: nn.Module, probe: Probe) -> tuple[float, float]:
    """Alignment of two views of an image and uniformity of different images, of the encoder's features."""
    from metaclr.diagnose import alignment, uniformity
    from metaclr.evaluation.features import features

    device, precision = probe.plan.device, probe.plan.recipe.evaluation_precision
    pairs, images = (features(encoder, s, device, precision=precision) for s in (probe.views, probe.images))
    return alignment(pairs.view(-1, 2, pairs.shape[1])), uniformity(images)


def _encoder(plan: Plan, run: Run) -> nn.Module:
    """The trained encoder, from the checkpoint."""
    from metaclr.comparison.runs.training import build_encoder_of, train_run

    source = plan.sources[run.source]
    if not run.method.trained:
        return build_encoder_of(run, plan.recipe, source)
    # A finished training is only loaded.
    learner, _ = train_run(run, plan.recipe, source, plan.folder(run), plan.device, plan.identity(run))
    return learner.get_submodule("encoder")
