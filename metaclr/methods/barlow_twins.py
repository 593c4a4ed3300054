"""Barlow Twins: the cross-correlation of two views becomes the identity.

Differs from the authors (facebookresearch/barlowtwins): the last layer of the projector has a bias, which the
standardization cancels; widths are the comparison's (theirs 8,192); both views come from one recipe (theirs differ in
blur and solarization).
"""

from metaclr.bridge.losses.barlow_twins import BarlowTwins
from metaclr.methods.method import Method

METHOD = Method(
    family="decorrelation",
    summary="dimensions agree across views and are not redundant",
    reference="Zbontar et al. 2021, arXiv:2103.03230",
    formula=BarlowTwins.formula,
    objective=BarlowTwins(off_diagonal=0.0051),  # facebookresearch/barlowtwins
    projector="mlp3",
)
