"""SogCLR: a moving average of every image's denominator makes up for a small batch.

Differs from the authors (Optimization-AI/SogCLR): their gradient is this one times 2 tau, for logits are not divided by
tau in it and the losses of the two views are added: under SGD, and under LARS for the biases and norms that it does not
adapt, their learning rate is to be multiplied by 2 tau (Adam is invariant to the factor). Their u is the sum over both
views of an image where this is the mean, and their projector ends in a batch norm.
"""

from metaclr.bridge import MovingAverage, Objective, Pairs, dot, leave_one_out, unit_norm
from metaclr.methods.method import Method

METHOD = Method(
    family="contrastive",
    summary="SimCLR with each image's denominator averaged over the steps that saw it",
    reference="Yuan et al. 2022, arXiv:2202.12387",
    formula=r"-q^\top s^+/\tau + g/u, \quad u \leftarrow (1-\gamma)u + \gamma g, \quad g = E_{k^-} e^{q^\top k/\tau}",
    objective=Objective(
        roles=leave_one_out,
        embedding=unit_norm,
        head=Pairs(dot),
        temperature=0.1,  # as SimCLR on ImageNet
        denominator=MovingAverage(gamma=0.9),  # Optimization-AI/SogCLR
    ),
)
