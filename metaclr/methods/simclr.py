"""SimCLR: every view is a query, and all other views of the batch are its support.

Differs from the authors (google-research/simclr): the projector's last layer has a bias and no batch norm (theirs
ends in a batch norm without bias, here `mlp_norm`), and the temperature is 0.2 (theirs 0.5 on CIFAR-10, 0.1 on
ImageNet).
"""

from metaclr.bridge import Objective, Pairs, dot, leave_one_out, unit_norm
from metaclr.methods.method import Method

METHOD = Method(
    family="contrastive",
    summary="NT-Xent: each view picks its sibling among all other views of the batch",
    reference="Chen et al. 2020, arXiv:2002.05709",
    formula=r"-q^\top s^+/\tau + \log\sum_{k\neq q} e^{q^\top k/\tau}",
    objective=Objective(
        roles=leave_one_out,
        embedding=unit_norm,
        head=Pairs(dot),
        temperature=0.2,  # solo-learn's SimCLR on CIFAR; the authors take 0.5 there and 0.1 on ImageNet
    ),
)
