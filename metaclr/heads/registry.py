"""Heads by name, as recipes give them: `cosine`, or with a feature transform before it, `cl2n+cosine`."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass

from torch import Tensor

from metaclr.errors import UserError, unknown
from metaclr.heads.bd_cspn import BDCSPN
from metaclr.heads.calibrated_logistic import CalibratedLogistic
from metaclr.heads.gradient_head import BASELINE, BASELINE_PLUS, PROTO_TUNE
from metaclr.heads.head import Head, is_transductive
from metaclr.heads.laplacian_shot import LaplacianShot
from metaclr.heads.lda import LDA
from metaclr.heads.logistic_regression import LogisticRegression
from metaclr.heads.matching import Matching
from metaclr.heads.nearest_neighbor import NearestNeighbor
from metaclr.heads.prototypes import Prototypes
from metaclr.heads.pt_map import PTMAP
from metaclr.heads.ridge import Ridge
from metaclr.heads.similarity import dot, semi_normalized, squared_euclidean
from metaclr.heads.soft_kmeans import SoftKMeans
from metaclr.heads.source_statistics import SourceFeatures
from metaclr.heads.svm import SVM
from metaclr.heads.tim import TIM
from metaclr.heads.transforms import Transform, get_transform


@dataclass(frozen=True)
class NamedHead:
    """A head with the transform of the features in front of it.

    head: the head, or a function that builds it from the transformed features (M, D) of the source.
    description: for the protocol of a row.
    """

    name: str
    transform: Transform
    head: Head | Callable[[SourceFeatures, Tensor], Head]
    description: str

    @property
    def needs_source(self) -> bool:
        """Whether the source's features are needed."""
        return self.transform.needs_source or not isinstance(self.head, Head)

    @property
    def transductive(self) -> bool:
        """Whether predictions depend on the other queries of the episode."""
        return isinstance(self.head, Head) and is_transductive(self.head)

    def prepare(self, features: Tensor, source: SourceFeatures | None = None) -> tuple[Tensor, Head]:
        """The transformed features (M, D), and the head for them.

        Raises:
            UserError: the source's features are needed, and there are none.
        """
        rows = self.transform(features, source)
        if isinstance(self.head, Head):
            return rows, self.head
        if source is None:
            raise UserError(f"head {self.name!r} needs the images that the encoder was trained on; pass a source")
        return rows, self.head(source, self.transform(source.features, source))


# Queries of unit norm need no second normalization: semi-normalized prototypes are then cosine prototypes.
_HEADS: dict[str, tuple[str, Head | Callable[[SourceFeatures, Tensor], Head], str]] = {
    "cosine": ("l2", Prototypes(semi_normalized), "cosine prototypes"),
    "euclidean": ("none", Prototypes(squared_euclidean), "squared Euclidean prototypes"),
    "dot": ("none", Prototypes(dot), "inner product with prototypes"),
    "semi_normalized": ("none", Prototypes(semi_normalized), "semi-normalized prototypes"),
    "nearest": ("l2", NearestNeighbor(dot), "nearest neighbor, cosine"),
    "matching": ("l2", Matching(dot), "matching, cosine, temperature 1"),
    "ridge": ("l2", Ridge(), "ridge, regularizer 1"),
    "svm": ("l2", SVM(), "multi-class SVM, C 0.1"),
    "logistic": ("l2", LogisticRegression(), "logistic regression, C 1"),
    "lda": ("none", LDA(), "linear discriminant analysis, shrinkage 0.5"),
    "baseline": ("none", BASELINE, "linear layer, 100 epochs of SGD (Baseline)"),
    "baseline++": ("none", BASELINE_PLUS, "cosine layer, 100 epochs of SGD (Baseline++)"),
    "prototune": ("none", PROTO_TUNE, "linear layer from prototypes, 15 epochs of Adam (ProtoTune)"),
    "calibrated": ("tukey", CalibratedLogistic.from_source, "logistic regression on calibrated Gaussians"),
    "soft_kmeans": ("l2", SoftKMeans(), "soft k-means prototypes"),
    "bd_cspn": ("l2", BDCSPN(), "rectified prototypes (BD-CSPN)"),
    "laplacian_shot": ("l2", LaplacianShot(), "LaplacianShot, 3 neighbors, weight 0.7"),
    "tim": ("l2", TIM(), "TIM, 50 Adam steps"),
    "pt_map": ("power", PTMAP(), "PT-MAP, 10 Sinkhorn steps"),
}

HEADS = tuple(_HEADS)
"""Names of the heads; each may have a transform before it, as in `cl2n+euclidean`."""


def get_head(name: str) -> NamedHead:
    """A head by its name, `HEAD` with its usual transform or `TRANSFORM+HEAD`.

    Raises:
        UserError: an unknown head or transform; the message has the nearest one.
    """
    given, head_name = ("", name) if name in _HEADS or "+" not in name else name.split("+", 1)
    if head_name not in _HEADS:
        raise unknown("head", head_name, _HEADS)
    usual, head, description = _HEADS[head_name]
    transform = get_transform(given or usual)
    return NamedHead(name, transform, head, f"{description}, {transform.description}")
