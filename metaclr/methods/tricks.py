"""Tricks that any method of the engine can add, as settings of the views and tasks axes: `byol(koleo=0.1)`."""

from __future__ import annotations

from dataclasses import dataclass, fields
from typing import Literal, get_args

from metaclr.errors import UserError, unknown

Mix = Literal["", "mixup", "cutmix", "both"]


@dataclass(frozen=True)
class Tricks:
    """Terms and extra views beside a method's own; the defaults add nothing. See `metaclr.engine.extra_views`.

    The first four are those of Ni et al. 2022 (RenkunNi/MetaContrastive).
    """

    rotation_loss: float = 0.0
    """Weight of the cross-entropy of predicting by how many quarter turns copies of views were turned."""
    rotation_share: float = 1.0
    """Share of the views of a batch that get a turned copy."""
    rotation_decay: bool = False
    """Lower the weight to 0 by a half cosine over the steps."""
    query_mix: Mix = ""
    """Add the loss of queries mixed with those of other ways: MixUp, CutMix, or one of them by a coin each step."""
    learned_views: float = 0.0
    """Views are changed further by a network that is trained against the encoder (Viewmaker), by this much of the range
    of a pixel on average; the authors have 0.05, on images that are not changed otherwise (`views = "identity"`)."""
    koleo: float = 0.0
    """Weight of KoLeo (`metaclr.bridge.losses.koleo`) on the embeddings of the loss; DINOv2 has 0.1, on features."""

    def __post_init__(self) -> None:
        for name in ("rotation_loss", "koleo", "learned_views"):
            value = getattr(self, name)
            if isinstance(value, bool) or not isinstance(value, int | float) or not value >= 0:
                raise UserError(f"{name} = {value!r}: a weight of at least 0")
        if self.learned_views > 1:
            raise UserError(f"learned_views = {self.learned_views!r}: a share of the range of a pixel, up to 1")
        if isinstance(self.rotation_share, bool) or not 0 < self.rotation_share <= 1:
            raise UserError(f"rotation_share = {self.rotation_share!r}: a share above 0 and up to 1")
        if not isinstance(self.rotation_decay, bool):
            raise UserError(f"rotation_decay = {self.rotation_decay!r}: true or false")
        if self.query_mix not in get_args(Mix):
            raise unknown("query_mix", str(self.query_mix), [mix for mix in get_args(Mix) if mix])

    def __str__(self) -> str:
        changed = [f for f in fields(self) if getattr(self, f.name) != f.default]
        return ", ".join(f"{f.name}={getattr(self, f.name)}" for f in changed) or "none"

    @property
    def draws_views(self) -> bool:
        """Whether a step embeds more views than the method's own."""
        return bool(self.rotation_loss or self.query_mix)


TRICKS = tuple(field.name for field in fields(Tricks))
"""Settings of a method's entry that are fields of `Tricks`."""
