"""W-MSE: views agree after whitening."""

from metaclr.bridge.losses.w_mse import WMSE
from metaclr.methods.method import Method

METHOD = Method(
    summary="views agree after every view's batch was whitened",
    reference="Ermolov et al. 2021, arXiv:2007.06346",
    formula=WMSE.formula,
    objective=WMSE(dims=64, batch=128),  # htdt/self-supervised, CIFAR
)
