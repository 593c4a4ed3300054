"""HCL: the debiased loss with more weight on hard negatives.

Differs from the authors (joshr17/HCL): none in the loss and layers; widths are the comparison's (theirs 512 and 128).
"""

from metaclr.bridge import HardWeighted, Objective, Pairs, dot, leave_one_out, unit_norm
from metaclr.methods.method import Method

METHOD = Method(
    family="contrastive",
    summary="SimCLR with negatives weighted by their own similarity, false ones taken out on average",
    reference="Robinson et al. 2021, arXiv:2010.04592",
    formula=(
        r"\text{debiased with } \sum_k e^{l_k} \to \frac{\sum_k w_k e^{l_k}}{\frac1n \sum_k w_k},"
        r" \quad w_k = e^{\beta l_k}, \quad l_k = q^\top k/\tau"
    ),
    objective=Objective(
        roles=leave_one_out,
        embedding=unit_norm,
        head=Pairs(dot),
        temperature=0.5,  # joshr17/HCL
        denominator=HardWeighted(beta=1.0, tau_plus=0.1),  # best on STL-10 in joshr17/HCL
    ),
)
