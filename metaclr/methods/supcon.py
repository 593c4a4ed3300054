"""SupCon: SimCLR whose positives are all views of the query's class. L_out, the authors' choice.

Differs from the authors (HobbitLong/SupContrast): the hidden layer of the projector has batch norm and no bias
(theirs the reverse), and the loss is not multiplied by tau / 0.07.
"""

from metaclr.bridge import Objective, Pairs, dot, given, leave_one_out, unit_norm
from metaclr.methods.method import Method

METHOD = Method(
    family="supervised",
    summary="supervised contrastive: all views of the class are positives, mean of their log-probabilities",
    reference="Khosla et al. 2020, arXiv:2004.11362, L_out",
    formula=r"\frac{-1}{|P|}\sum_{p \in P} \log\frac{e^{q^\top p/\tau}}{\sum_{k \neq q} e^{q^\top k/\tau}}",
    objective=Objective(
        labels=given,
        roles=leave_one_out,
        embedding=unit_norm,
        head=Pairs(dot),
        temperature=0.1,  # HobbitLong/SupContrast, without its factor tau / 0.07
    ),
    labels="given",
)
