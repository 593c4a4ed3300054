"""Debiased contrastive loss: corrects for negatives that are by chance of the query's class.

Differs from the authors (chingyaoc/DCL): none in the loss and layers; widths are the comparison's (theirs 512 and
128).
"""

from metaclr.bridge import HardWeighted, Objective, Pairs, dot, leave_one_out, unit_norm
from metaclr.methods.method import Method

METHOD = Method(
    family="contrastive",
    summary="SimCLR with the expected share of false negatives taken out of the denominator",
    reference="Chuang et al. 2020, arXiv:2007.00224",
    formula=(
        r"-\log\frac{e^{l^+}}{e^{l^+} + \max\{(\sum_k e^{l_k} - n\tau^+ e^{l^+})/(1-\tau^+),\, n e^{-1/\tau}\}},"
        r" \quad l_k = q^\top k/\tau"
    ),
    objective=Objective(
        roles=leave_one_out,
        embedding=unit_norm,
        head=Pairs(dot),
        temperature=0.5,  # chingyaoc/DCL
        denominator=HardWeighted(beta=0.0, tau_plus=0.1),  # best on STL-10 in chingyaoc/DCL
    ),
)
