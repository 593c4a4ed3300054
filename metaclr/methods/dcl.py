"""DCL: NT-Xent without the positive in the denominator, which decouples it from the batch size.

Differs from the authors: the paper's code was not found; the temperature and the loss are lightly's.
"""

from metaclr.bridge import Objective, Pairs, decoupled, dot, leave_one_out, unit_norm
from metaclr.methods.method import Method

METHOD = Method(
    family="contrastive",
    summary="SimCLR without the positive in the denominator",
    reference="Yeh et al. 2021, arXiv:2110.06848",
    formula=r"-q^\top s^+/\tau + \log\sum_{k \notin \{q, s^+\}} e^{q^\top k/\tau}",
    objective=Objective(
        roles=leave_one_out,
        embedding=unit_norm,
        head=Pairs(dot),
        temperature=0.1,  # lightly
        denominator=decoupled,
    ),
)
