"""Barlow Twins: the cross-correlation of two views becomes the identity."""

from metaclr.bridge.losses.barlow_twins import BarlowTwins
from metaclr.methods.method import Method

METHOD = Method(
    summary="dimensions agree across views and are not redundant",
    reference="Zbontar et al. 2021, arXiv:2103.03230",
    formula=BarlowTwins.formula,
    objective=BarlowTwins(off_diagonal=0.0051),  # facebookresearch/barlowtwins
    projector="mlp3",
)
