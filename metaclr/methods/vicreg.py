"""VICReg: invariance of views, variance of every dimension, no covariance between dimensions.

Differs from the authors (facebookresearch/vicreg): hidden layers of the projector have no bias, which batch norm
cancels; its last layer has one, which every term cancels; widths are the comparison's (theirs 8,192).
"""

from metaclr.bridge.losses.vicreg import VICReg
from metaclr.methods.method import Method

METHOD = Method(
    family="decorrelation",
    summary="views agree, every dimension varies, no two vary together",
    reference="Bardes et al. 2022, arXiv:2105.04906",
    formula=VICReg.formula,
    objective=VICReg(invariance=25.0, variance=25.0, covariance=1.0),  # facebookresearch/vicreg
    projector="mlp3",
)
