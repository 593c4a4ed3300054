"""N-pair loss: one labelled pair of each class, dot products of raw embeddings.

Differs from the authors: no penalty on the norm of embeddings, one class each
way for as many ways as a batch has room for.
"""

from metaclr.bridge import Objective, Pairs, dot, given, raw, split
from metaclr.methods.method import Method

METHOD = Method(
    family="metric",
    summary="a labelled image picks its partner among one image of every class",
    reference="Sohn 2016 (NeurIPS), without the penalty on the norm",
    formula=r"\log\left(1 + \sum_{n \neq +} e^{q^\top s_n - q^\top s^+}\right)",
    objective=Objective(
        labels=given,
        roles=split,
        embedding=raw,
        head=Pairs(dot),
        temperature=1.0,  # none in the paper
    ),
    way_type="classes",
    labels="given",
    projector="linear",  # the paper's embedding layer
)
