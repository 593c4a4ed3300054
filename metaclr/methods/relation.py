"""Relation network on embeddings: the comparison of query and class is learned too.

Differs from the authors (floodsung/LearningToCompare_FSL): the comparator is a perceptron on vectors (theirs
convolutions on feature maps), 16 ways and 3 queries (theirs 5 ways and 19 queries).
"""

from metaclr.bridge import Objective, Relation, SquaredError, given, raw, split
from metaclr.methods.method import Method

METHOD = Method(
    family="few-shot",
    summary="learned comparator on labelled classes, scores regressed to 0 and 1",
    reference="Sung et al. 2018, arXiv:1711.06025; on vectors, not on feature maps",
    formula=r"\frac1N\sum_n (\sigma(g(q, \mu_n)) - 1[n = +])^2",
    objective=Objective(
        labels=given,
        roles=split,
        embedding=raw,
        head=Relation(hidden=64),  # channels of the authors' module
        temperature=1.0,  # none in the paper
        denominator=SquaredError(),
    ),
    way_type="classes",
    labels="given",
    way=16,  # the regression is to one 1 among N - 1 zeros; the paper trains at 5 and 20 ways
    query=3,  # V as in `protonet`
    projector="none",
    views="identity",
)
