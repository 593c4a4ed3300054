"""Siamese network: pairs of one class together, others apart up to a margin.

Differs from the authors: positive and negative pairs have equal total weight (theirs one weight per pair), distances
are of unit vectors, images are augmented as the comparison is (theirs as they are).
"""

from metaclr.bridge.losses.contrastive_margin import Siamese
from metaclr.methods.method import Method

METHOD = Method(
    family="metric",
    summary="contrastive loss of pairs of labelled images",
    reference="Hadsell et al. 2006 (CVPR)",
    formula=Siamese.formula,
    objective=Siamese(margin=1.0),  # the paper
    way_type="classes",
    labels="given",
    query=3,  # V as in `protonet`
    projector="linear",
)
