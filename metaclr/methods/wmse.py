"""W-MSE: views agree after whitening.

Differs from the authors (htdt/self-supervised): the hidden layer of the projector has no bias, which batch norm
cancels; the covariance is shrunk by 0.001 so that it can be inverted when embeddings collapse; widths are the
comparison's.
"""

from metaclr.bridge.losses.w_mse import WMSE
from metaclr.methods.method import Method

METHOD = Method(
    family="decorrelation",
    summary="views agree after every view's batch was whitened",
    reference="Ermolov et al. 2021, arXiv:2007.06346",
    formula=WMSE.formula,
    objective=WMSE(dims=64, batch=128),  # htdt/self-supervised, CIFAR
)
