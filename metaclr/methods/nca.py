"""NCA: leave-one-out nearest neighbours, softly, by squared Euclidean distance.

Differs from the authors: steps see a batch of classes (theirs the whole set), of images augmented as the comparison
is (theirs as they are).
"""

from metaclr.bridge import Matching, Objective, given, leave_one_out, raw, squared_euclidean
from metaclr.methods.method import Method

METHOD = Method(
    family="metric",
    summary="neighbourhood components: probability that a random neighbour is of the query's class",
    reference="Goldberger et al. 2004 (NeurIPS)",
    formula=r"-\log\frac{\sum_{p \in P} e^{-\|q-p\|^2}}{\sum_{k \neq q} e^{-\|q-k\|^2}}",
    objective=Objective(
        labels=given,
        roles=leave_one_out,
        embedding=raw,
        head=Matching(squared_euclidean),
        temperature=1.0,  # none in the paper
    ),
    way_type="classes",
    labels="given",
    query=3,  # V as in `protonet`
    projector="linear",  # the paper's learned metric
)
