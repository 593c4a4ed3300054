"""BYOL: predict the momentum encoder's embedding of the other view; no negatives.

Differs from the authors: the momentum encoder keeps its own batch statistics; batch norm of the predictor sees all
views of the batch together; widths are the comparison's (theirs 4096 and 256), except the predictor's.
"""

from metaclr.bridge import WithPredictor
from metaclr.bridge.losses.alignment import Alignment
from metaclr.methods.method import Method

METHOD = Method(
    summary="predict the EMA encoder's embedding of the other view",
    reference="Grill et al. 2020, arXiv:2006.07733",
    formula=r"2 - 2\,\frac{p(q)^\top s'}{\|p(q)\| \|s'\|}",
    objective=WithPredictor(Alignment(weight=2.0), hidden=4096),  # the paper
    projector="byol",
    momentum=0.99,  # solo-learn on CIFAR; 0.996 on ImageNet
    momentum_schedule="cosine",  # the paper, section 3.2
)
