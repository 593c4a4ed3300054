"""All numbers of one embedding, by name."""

from __future__ import annotations

from dataclasses import dataclass

import torch
from torch import Tensor

from metaclr.diagnose.class_geometry import class_geometry
from metaclr.diagnose.collapse import collapse
from metaclr.diagnose.collision import latent_bound
from metaclr.diagnose.geometry import alignment, tolerance, uniformity
from metaclr.diagnose.lidar import lidar
from metaclr.diagnose.neighbors import augmentation_overlap, hubness
from metaclr.diagnose.spectrum import collapsed_dimensions, effective_rank


@dataclass(frozen=True)
class Number:
    """One number of a table: its heading, and what it is, in a sentence."""

    heading: str
    meaning: str


NUMBERS = {
    "dimensions": Number("dims", "D of the embedding"),
    "uniformity": Number(
        "uniformity", "log of the mean of exp(-2 distance²) of two images on the unit sphere; lower is more even"
    ),
    "rank": Number("RankMe", "exp of the entropy of the singular values, at most D (Garrido et al. 2023)"),
    "centered_rank": Number("centered rank", "as RankMe, after the mean is subtracted"),
    "collapsed": Number("collapsed", "directions whose variance is below 1e-4 of the largest"),
    "spread": Number("spread", "sqrt(D) times the mean standard deviation of a dimension: 0 at one point, 1 if even"),
    "hubness": Number("hubness", "skewness of the number of 10-nearest-neighbor lists that an image is in"),
    "alignment": Number("alignment", "mean squared distance of two views of an image on the unit sphere"),
    "lidar": Number("LiDAR", "rank of the directions in which images differ by more than their views do"),
    "confusion": Number("confusion", "share of views whose nearest other view is of another image"),
    "confusion_same_class": Number("of one class", "share of those confusions that stay within the class"),
    "tolerance": Number("tolerance", "mean cosine of two images of a class"),
    "within": Number("within", "share of the variance that lies within classes"),
    "simplex": Number("simplex", "mean |cosine of two class means + 1/(C-1)|; 0 for a regular simplex"),
    "nc1": Number("NC1", "tr(S_w S_b⁺)/C, variability within classes over that between them"),
    "nc2_norms": Number("NC2 norms", "coefficient of variation of the norms of class means"),
    "nc2_angles": Number("NC2 angles", "standard deviation of the cosines of class means"),
    "collision": Number("collision", "probability that a random image has the class of another"),
    "contrastive_loss": Number("L_un", "two-way contrastive loss, positives of the class, base-2 logarithm"),
    "mean_loss": Number("L_mean", "two-way loss of class means as weights, base-2 logarithm"),
    "bound": Number("bound", "(L_un - collision) / (1 - collision), which L_mean is below (Arora et al. 2019)"),
}
"""Every number that `diagnose` may give, in the order of the tables."""

WITHOUT_LABELS = ("alignment", "uniformity", "rank", "lidar")
"""Numbers that need no label and are kept beside every result of a comparison."""


def diagnose(
    features: Tensor, labels: Tensor | None = None, views: Tensor | None = None, view_labels: Tensor | None = None
) -> dict[str, float]:
    """The numbers of features (M, D), M >= 2, by the names of `NUMBERS`.

    labels: int64 (M,); adds tolerance, class geometry and the bound of latent classes (where a class has two images).
    views: (B, V, D) of B >= 2 images, which may be others; adds alignment, LiDAR and the overlap of augmentations.
    view_labels: int64 (B,); adds the share of that overlap within classes.
    """
    found = {
        "dimensions": float(features.shape[1]),
        "uniformity": uniformity(features),
        "rank": effective_rank(features),
        "centered_rank": effective_rank(features, centered=True),
        "collapsed": float(collapsed_dimensions(features)),
        "spread": collapse(features),
        "hubness": hubness(features, min(10, len(features) - 1)).skewness,
    }
    if views is not None:
        overlap = augmentation_overlap(views, view_labels)
        found |= {"alignment": alignment(views), "lidar": lidar(views), "confusion": overlap.confused}
        found |= {} if overlap.same_class is None else {"confusion_same_class": overlap.same_class}
    if labels is not None:
        found |= of_classes(features, labels)
    return {name: found[name] for name in NUMBERS if name in found}


def of_classes(features: Tensor, labels: Tensor) -> dict[str, float]:
    """The numbers that need labels; none where there is one class only, or no class with two images."""
    counts = torch.unique(labels, return_counts=True)[1]
    if len(counts) < 2 or int(counts.max()) < 2:
        return {}
    classes = class_geometry(features, labels)
    latent = latent_bound(features, labels)
    return {
        "tolerance": tolerance(features, labels),
        "within": classes.within,
        "simplex": classes.simplex_distance,
        "nc1": classes.nc1,
        "nc2_norms": classes.nc2_norms,
        "nc2_angles": classes.nc2_angles,
        "collision": latent.collision,
        "contrastive_loss": latent.contrastive,
        "mean_loss": latent.supervised,
        "bound": latent.bound,
    }
