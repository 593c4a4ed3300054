"""DCLW: DCL whose positive term weighs more where the two views are still far apart.

Differs from the authors: the paper's code was not found; the temperature and the loss are lightly's.
"""

from metaclr.bridge import Decoupled, Objective, Pairs, dot, leave_one_out, unit_norm
from metaclr.methods.method import Method

METHOD = Method(
    family="contrastive",
    summary="DCL with von Mises-Fisher weights on the positive term",
    reference="Yeh et al. 2021, arXiv:2110.06848",
    formula=r"-w\,q^\top s^+/\tau + \log\sum_{k^-} e^{q^\top k/\tau}, \quad w = 2 - e^{q^\top s^+/\sigma}/E[\cdot]",
    objective=Objective(
        roles=leave_one_out,
        embedding=unit_norm,
        head=Pairs(dot),
        temperature=0.1,  # lightly
        denominator=Decoupled(sigma=0.5),  # the paper
    ),
)
