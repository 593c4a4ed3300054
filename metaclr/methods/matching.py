"""Matching Networks, without full-context embeddings: a softmax over all support images, summed by class.

Differs from the authors: the temperature is 0.1 (theirs 1), since a cosine softmax over many ways is flat without
one; no full-context embeddings; 2 shots and 2 queries.
"""

from metaclr.bridge import Matching, Objective, dot, given, split, unit_norm
from metaclr.methods.method import Method

METHOD = Method(
    family="few-shot",
    summary="labelled classes; every support image votes for its class by its similarity",
    reference="Vinyals et al. 2016, arXiv:1606.04080",
    formula=r"-\log\sum_{s \in S^+} \frac{e^{q^\top s/\tau}}{\sum_{s'} e^{q^\top s'/\tau}}",
    objective=Objective(
        labels=given,
        roles=split,
        embedding=unit_norm,
        head=Matching(dot),
        temperature=0.1,  # the project's own: without one (1.0, the paper) a cosine softmax over many ways is flat
    ),
    way_type="classes",
    labels="given",
    shot=2,  # with one shot it would be a prototype head
    query=2,
    projector="none",
    views="identity",
)
