"""MoCo v1: as v2, with a linear projector and a lower temperature.

Differs from the authors: the queue starts empty and fills (theirs starts with random vectors); batch norm takes the
statistics of the whole batch (theirs of shuffled shares of it, on 8 devices, or 8 splits in their CIFAR-10 demo). Queue
size and momentum are those of the demo (65,536 and 0.999 on ImageNet).
"""

from metaclr.bridge import Objective, Pairs, Queue, dot, split, unit_norm
from metaclr.methods.method import Method

METHOD = Method(
    family="queue",
    summary="MoCo with a linear projector and temperature 0.07",
    reference="He et al. 2020, arXiv:1911.05722",
    formula=r"-q^\top k^+/\tau + \log\left(e^{q^\top k^+/\tau} + \sum_{k \in queue} e^{q^\top k/\tau}\right)",
    objective=Objective(
        roles=split,
        embedding=unit_norm,
        head=Pairs(dot),
        temperature=0.07,  # facebookresearch/moco
        negatives=Queue(4096),  # as `moco`
    ),
    projector="linear",
    momentum=0.99,  # as `moco`
)
