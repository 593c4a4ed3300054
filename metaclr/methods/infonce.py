"""Symmetric InfoNCE across views: SimCLR without the query-query negatives.

Differs from the authors: of CPC: images and their views stand for a context and its future; the temperature is this
project's.
"""

from metaclr.bridge import Objective, Pairs, dot, swap, unit_norm
from metaclr.methods.method import Method

METHOD = Method(
    family="contrastive",
    summary="each view picks its sibling among the other views' images only, both ways",
    reference="van den Oord et al. 2018, arXiv:1807.03748; symmetric as in Jing et al. 2022, arXiv:2110.09348",
    formula=r"-q^\top s^+/\tau + \log\sum_n e^{q^\top s_n/\tau}",
    objective=Objective(
        roles=swap,
        embedding=unit_norm,
        head=Pairs(dot),
        temperature=0.2,  # as `simclr`, so that the two differ in their roles alone
    ),
)
