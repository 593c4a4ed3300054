"""BYOL: a predictor of one view meets the slow encoder's embedding of the other; no negatives."""

from metaclr.bridge import WithPredictor
from metaclr.bridge.losses.alignment import Alignment
from metaclr.methods.method import Method

METHOD = Method(
    summary="predict the EMA encoder's embedding of the other view",
    reference="Grill et al. 2020, arXiv:2006.07733",
    formula=r"2 - 2\,\frac{p(q)^\top s'}{\|p(q)\| \|s'\|}",
    objective=WithPredictor(Alignment(weight=2.0), hidden=4096),  # the paper
    projector="byol",
    momentum=0.99,  # solo-learn on CIFAR, raised to 1; 0.996 on ImageNet
)
