"""BYOL: predict the momentum encoder's embedding of the other view; no negatives.

Differs from the authors (google-deepmind/deepmind-research, byol): hidden layers have no bias, which batch norm
cancels; the predictor's last layer has one (theirs has none); batch norm sees both views of the batch together (theirs
one at a time); the momentum encoder starts at the trained weights (theirs at others); widths are the comparison's
(theirs 4,096 and 256), except the predictor's.
"""

from metaclr.bridge import WithPredictor
from metaclr.bridge.losses.alignment import Alignment
from metaclr.methods.method import Method

METHOD = Method(
    family="predictive",
    summary="predict the EMA encoder's embedding of the other view",
    reference="Grill et al. 2020, arXiv:2006.07733",
    formula=r"2 - 2\,\frac{p(q)^\top s'}{\|p(q)\| \|s'\|}",
    objective=WithPredictor(Alignment(weight=2.0), hidden=4096),  # the paper
    projector="byol",
    momentum=0.99,  # solo-learn on CIFAR; 0.996 on ImageNet
    momentum_schedule="cosine",  # the paper, section 3.2
)
