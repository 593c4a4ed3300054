"""R2D2 on views: a ridge regression is fitted to one view of every image and classifies the other.

Differs from the authors (bertinetto/r2d2): rows are of unit norm and lambda = 1 is added to their Gram matrix, where
theirs, 50, is added to that of raw features divided by the number of support rows. Their learned scalar bias on the
logits is left out, since a softmax over classes cancels it.
"""

from metaclr.bridge import Objective, Ridge, split, unit_norm
from metaclr.methods.method import Method

METHOD = Method(
    family="unsupervised-few-shot",
    summary="ridge head on views of unlabelled images",
    reference="Bertinetto et al. 2019, arXiv:1805.08136; on views: Ni et al. 2022 (ICLR)",
    formula=r"CE(\alpha\, q^\top S^\top (S S^\top + \lambda I)^{-1} Y), \quad S, q \text{ with a column of ones}",
    objective=Objective(
        roles=split,
        embedding=unit_norm,
        head=Ridge(regularizer=1.0, intercept=True),  # unit weight: rows are of unit norm
        temperature=0.1,  # a scale of 10: at 1 the loss cannot fall, whatever the embedding
        learn_temperature=True,
    ),
)
