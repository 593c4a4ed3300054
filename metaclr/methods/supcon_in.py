"""SupCon with the mean over positives inside the logarithm: L_in, which solo-learn calls SupCon.

Differs from the authors (Khosla et al.): as `supcon` in projector.
"""

from metaclr.bridge import Matching, Objective, dot, given, leave_one_out, unit_norm
from metaclr.methods.method import Method

METHOD = Method(
    family="supervised",
    summary="supervised contrastive: logarithm of the summed probability of all views of the class",
    reference="Khosla et al. 2020, arXiv:2004.11362, L_in less the mean log number of positives",
    formula=r"-\log\sum_{p \in P} \frac{e^{q^\top p/\tau}}{\sum_{k \neq q} e^{q^\top k/\tau}}",
    objective=Objective(
        labels=given,
        roles=leave_one_out,
        embedding=unit_norm,
        head=Matching(dot),
        temperature=0.1,  # as `supcon`
    ),
    labels="given",
)
