"""Triplet loss with batch-hard mining: each image with its farthest positive and its nearest negative."""

from metaclr.bridge.losses.triplet import Triplet
from metaclr.methods.method import Method

METHOD = Method(
    summary="batch-hard triplets of labelled images",
    reference="Hermans et al. 2017, arXiv:1703.07737",
    formula=Triplet.formula,
    objective=Triplet(mining="batch_hard", margin=0.2),  # as `triplet`
    way_type="classes",
    labels="given",
    query=3,  # V as in `protonet`; the paper has 4 images a class as well
    projector="linear",
)
