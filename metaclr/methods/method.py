"""What a method declares: its objective, and what it must be fed."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from dataclasses import dataclass, field
from typing import TYPE_CHECKING, Any, Literal

from metaclr.bridge.settings import leaves
from metaclr.bridge.spec import NoObjective, ObjectiveSpec
from metaclr.clusters import Clustering
from metaclr.errors import UserError, unknown
from metaclr.methods.families import FAMILIES
from metaclr.methods.tricks import Tricks

if TYPE_CHECKING:
    from metaclr.positives.source import Positives


@dataclass(frozen=True)
class Method:
    """A method is a value: two methods differ exactly where `metaclr.methods.diff` says they do."""

    summary: str
    """One line."""
    reference: str
    """Who and where: "Chen et al. 2020, arXiv:2002.05709"."""
    objective: ObjectiveSpec = field(default_factory=NoObjective)
    """Settings; `.build(dim, dataset_size, classes, **overrides)` makes the loss module."""
    formula: str = ""
    """TeX, per query; q query, s support, mu prototype, tau temperature."""
    way_type: Literal["instances", "classes"] = "instances"
    """What a way of a training task is: an image, or a labelled class (or cluster)."""
    labels: Literal["instance", "given", "cluster"] = "instance"
    """"given": the method sees labels, as `Context.labels` or by the choice of its ways; "cluster": it sees clusters of
    its own embeddings in their place."""
    clusters: Clustering | None = None
    """How and when the images are clustered, with labels "cluster"."""
    positives: Positives | None = None
    """Which examples form a way; None: as `way_type` and `labels` say, an image's views or the images of a class."""
    shot: int = 1
    """Support views per way in a training task."""
    query: int = 1
    """Query views per way in a training task; V = shot + query."""
    way: int | None = None
    """N of a training task; None: one task of as many ways as the batch of views has room for."""
    encoder: str = ""
    """An encoder of its own, by its name; empty: the comparison's."""
    reconstruction: float = 0.0
    """Weight of the mean squared error of the views' pixels, as a decoder makes them from the features; 0: none."""
    projector: str = "mlp"
    """Default projector; "none" is the encoder's own features."""
    momentum: float | None = None
    """Decay m of the momentum encoder that embeds the support, w <- m w + (1 - m) online; None for no such network."""
    momentum_schedule: Literal["constant", "cosine"] = "constant"
    """Of the decay: constant (MoCo), or raised from `momentum` to 1 by a half cosine over the steps (BYOL)."""
    views: str = ""
    """View preset of `--views-mode per-method`; empty: the comparison's."""
    support_views: str = ""
    """View preset of the support views only; empty: as `views`."""
    task_transform: Literal["", "quarter_turns", "mixed_queries"] = ""
    """A transform of whole tasks: the same quarter turn of all views of a way, which makes it another class; or queries
    mixed with those of other ways."""
    tricks: Tricks = Tricks()  # noqa: RUF009  a frozen value
    """Terms and views beside the method's own."""
    episode_head: str = ""
    """Classifier of the method's own test-time procedure, a name of `metaclr.heads`; empty: its objective's."""
    defaults: Mapping[str, Any] = field(default_factory=dict)
    """Numbers that may be overridden, those of the objective included."""
    learner: Callable[..., Any] | None = None
    """Builds a learner of its own (MAML); None is the engine's."""
    trained: bool = True
    """False for controls, which are evaluated as they are initialized."""
    family: str = ""
    """Group of lists and tables, a name of `metaclr.methods.families`; empty: among the others."""
    name: str = ""
    """File name; `metaclr.methods.get` fills it in."""

    def __post_init__(self) -> None:
        if self.family and self.family not in FAMILIES:
            raise unknown("family", self.family, FAMILIES)
        if self.shot < 1 or self.query < 1:
            raise UserError(f"a method needs shot and query of at least 1, got {self.shot} and {self.query}")
        if self.objective.needs_labels and self.labels == "instance":
            raise UserError("the objective reads labels, so the method must say labels='given' or labels='cluster'")
        if (self.labels == "cluster") != (self.clusters is not None):
            raise UserError(f"labels = {self.labels!r} with clusters = {self.clusters}: use both or neither")
        if self.objective.needs_momentum_encoder and self.momentum is None and self.learner is None:
            raise UserError("the objective needs a target network, so the method must say its momentum")
        if self.momentum_schedule not in ("constant", "cosine"):
            raise UserError(f"momentum_schedule = {self.momentum_schedule!r} must be 'constant' or 'cosine'")
        if not self.reconstruction >= 0:
            raise UserError(f"reconstruction = {self.reconstruction} must be at least 0")
        if self.learner is not None and self.tricks != Tricks():
            raise UserError(f"{self.tricks}: a method with a learner of its own takes none of these settings")
        if self.momentum is not None and not 0 <= self.momentum <= 1:
            raise UserError(f"momentum = {self.momentum} must be in [0, 1]")
        numbers = {path: getattr(leaf, "__name__", leaf) for path, leaf in leaves(self.objective).items()}
        object.__setattr__(self, "defaults", {**numbers, **self.defaults})

    @property
    def v(self) -> int:
        """V, the views of each way in a training task."""
        return self.shot + self.query
