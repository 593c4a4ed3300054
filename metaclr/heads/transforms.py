"""Feature transforms before a head, by the names of the literature; each is applied once to all features."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass

import torch.nn.functional as F
from torch import Tensor

from metaclr.errors import UserError, unknown
from metaclr.heads.source_statistics import SourceFeatures

POWER = 0.5  # beta of Hu, Gripon and Pateux 2021, arXiv:2006.03806


@dataclass(frozen=True)
class Transform:
    """apply: features (M, D) and the source's features -> (M, D). description: for the protocol of a row."""

    name: str
    description: str
    apply: Callable[[Tensor, SourceFeatures | None], Tensor]
    needs_source: bool = False

    def __call__(self, features: Tensor, source: SourceFeatures | None = None) -> Tensor:
        """Transform features (M, D).

        Raises:
            UserError: the transform needs the source's features, and there are none.
        """
        if self.needs_source and source is None:
            raise UserError(f"transform {self.name!r} needs the images that the encoder was trained on; pass a source")
        return self.apply(features, source)


def _none(features: Tensor, source: SourceFeatures | None) -> Tensor:
    return features


def _l2(features: Tensor, source: SourceFeatures | None) -> Tensor:
    return F.normalize(features, dim=-1)


def _cl2n(features: Tensor, source: SourceFeatures | None) -> Tensor:
    """SimpleShot: subtract the mean of the source's features, then normalize (Wang et al. 2019, arXiv:1911.04623)."""
    assert source is not None
    return F.normalize(features - source.mean.to(features), dim=-1)


def _power(features: Tensor, source: SourceFeatures | None) -> Tensor:
    """PT-MAP's power transform, which makes features that a ReLU skews more Gaussian; of |x| with the sign of x."""
    return F.normalize(features.sign() * (features.abs() + 1e-6).pow(POWER), dim=-1)


def _tukey(features: Tensor, source: SourceFeatures | None) -> Tensor:
    """Tukey's ladder of powers, without the norm of `power`: distribution calibration's (arXiv:2101.06395)."""
    return features.sign() * features.abs().pow(POWER)


def _whitened(features: Tensor, source: SourceFeatures | None) -> Tensor:
    """Decorrelate by the source's mean and covariance, then normalize."""
    assert source is not None
    centered = features - source.mean.to(features)
    return F.normalize(centered @ source.inverse_root_covariance.to(features), dim=-1)


TRANSFORMS = {
    transform.name: transform
    for transform in (
        Transform("none", "features unchanged", _none),
        Transform("l2", "unit-norm features", _l2),
        Transform("cl2n", "features centered on the source mean, unit norm (CL2N)", _cl2n, needs_source=True),
        Transform("power", f"power transform {POWER:g}, unit norm", _power),
        Transform("tukey", f"power transform {POWER:g}", _tukey),
        Transform("whitened", "features whitened by the source, unit norm", _whitened, needs_source=True),
    )
}
"""Transforms by name."""


def get_transform(name: str) -> Transform:
    """A transform by its name.

    Raises:
        UserError: an unknown name; the message has the nearest one.
    """
    if name not in TRANSFORMS:
        raise unknown("feature transform", name, TRANSFORMS)
    return TRANSFORMS[name]
