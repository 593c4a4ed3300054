"""SimCLR with four views: three positives a query, all of them in its denominator (SupCon on instances).

Differs from the authors (google-research/simclr has two views): as `simclr` in projector and temperature.
"""

from metaclr.bridge import Objective, Pairs, dot, leave_one_out, unit_norm
from metaclr.methods.method import Method

METHOD = Method(
    family="contrastive",
    summary="NT-Xent with four views of each image, mean over the three positives",
    reference="Chen et al. 2020, arXiv:2002.05709; Khosla et al. 2020, arXiv:2004.11362, for several positives",
    formula=r"-\frac{1}{V-1}\sum_{s^+} q^\top s^+/\tau + \log\sum_{k\neq q} e^{q^\top k/\tau}",
    objective=Objective(roles=leave_one_out, embedding=unit_norm, head=Pairs(dot), temperature=0.2),  # as `simclr`
    query=3,
)
