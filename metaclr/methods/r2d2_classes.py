"""R2D2 on labelled classes: a ridge regression is fitted to the support and classifies the queries.

Differs from the authors (bertinetto/r2d2): rows are of unit norm and lambda = 1 is added to their Gram matrix, where
theirs, 50, is added to that of raw features divided by the number of support rows. Their learned scalar bias on the
logits is left out, since a softmax over classes cancels it. Tasks have as many ways as a batch has room for, 1 shot and
3 queries (theirs on Omniglot 60 ways of 10 images, of which 1 to 9 are shots).
"""

from metaclr.bridge import Objective, Ridge, given, split, unit_norm
from metaclr.methods.method import Method

METHOD = Method(
    family="few-shot",
    summary="ridge head on labelled classes",
    reference="Bertinetto et al. 2019, arXiv:1805.08136",
    formula=r"CE(\alpha\, q^\top S^\top (S S^\top + \lambda I)^{-1} Y), \quad S, q \text{ with a column of ones}",
    objective=Objective(
        labels=given,
        roles=split,
        embedding=unit_norm,
        head=Ridge(regularizer=1.0, intercept=True),  # as `r2d2`
        temperature=0.1,
        learn_temperature=True,
    ),
    way_type="classes",
    labels="given",
    query=3,  # V as in `protonet`
    projector="none",
    views="identity",
)
