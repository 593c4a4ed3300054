"""Triplet loss: an image is closer to its class than to others, by a margin.

Differs from the authors: semi-hard negatives are sought in the whole batch, and the batch has 4 images of a class
(theirs about 40).
"""

from metaclr.bridge.losses.triplet import Triplet
from metaclr.methods.method import Method

METHOD = Method(
    family="metric",
    summary="semi-hard triplets of labelled images",
    reference="Schroff et al. 2015, arXiv:1503.03832",
    formula=Triplet.formula,
    objective=Triplet(mining="semi_hard", margin=0.2),  # the paper
    way_type="classes",
    labels="given",
    query=3,  # V as in `protonet`
    projector="linear",  # the paper's embedding layer
)
