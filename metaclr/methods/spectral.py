"""Spectral contrastive loss: the leading eigenvectors of the graph of views.

Differs from the authors (jhaochenz96/spectral_contrastive_learning, CIFAR): the projector's last layer is not
followed by batch norm (theirs is).
"""

from metaclr.bridge.losses.spectral import Spectral
from metaclr.methods.method import Method

METHOD = Method(
    family="decorrelation",
    summary="views alike, images orthogonal on average",
    reference="HaoChen et al. 2021, arXiv:2106.04156",
    formula=Spectral.formula,
    objective=Spectral(radius=1.0),  # mu of jhaochenz96/spectral_contrastive_learning
)
