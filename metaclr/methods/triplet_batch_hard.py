"""Triplet loss with batch-hard mining: each image with its farthest positive and its nearest negative.

Differs from the authors (VisualComputingInstitute/triplet-reid): widths of the projector are the comparison's (theirs
1,024 and 128), and a batch has as many classes as its views allow (theirs 18 to 32).
"""

from metaclr.bridge import raw
from metaclr.bridge.losses.triplet import Triplet
from metaclr.methods.method import Method

METHOD = Method(
    family="metric",
    summary="batch-hard triplets of labelled images",
    reference="Hermans et al. 2017, arXiv:1703.07737",
    formula=r"\log(1 + e^{\max_p \|a-p\| - \min_n \|a-n\|})",
    # Distances of raw embeddings, not squared, and the soft margin: their best setting.
    objective=Triplet(mining="batch_hard", soft=True, squared=False, embedding=raw),
    way_type="classes",
    labels="given",
    query=3,  # V as in `protonet`; the paper has 4 images a class as well
    projector="mlp",  # their fc1024 head: linear, batch norm, ReLU, linear
)
