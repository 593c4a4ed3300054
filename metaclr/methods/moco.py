"""MoCo v2: the support is embedded by a momentum encoder, and past supports in a queue are negatives.

Differs from the authors: the queue starts empty and fills (theirs starts with random vectors); batch norm takes the
statistics of the whole batch (theirs of shuffled shares of it, on 8 devices, or 8 splits in their CIFAR-10 demo); the
projector's hidden layer has batch norm and no bias (theirs the reverse). Queue size and momentum are those of the demo
(65,536 and 0.999 on ImageNet), the temperature is v2's (0.1 there).
"""

from metaclr.bridge import Objective, Pairs, Queue, dot, split, unit_norm
from metaclr.methods.method import Method

METHOD = Method(
    family="queue",
    summary="a view picks its own key, from an EMA encoder, against a queue of past keys",
    reference="He et al. 2020, arXiv:1911.05722; v2: Chen et al. 2020, arXiv:2003.04297",
    formula=r"-q^\top k^+/\tau + \log\left(e^{q^\top k^+/\tau} + \sum_{k \in queue} e^{q^\top k/\tau}\right)",
    objective=Objective(
        roles=split,
        embedding=unit_norm,
        head=Pairs(dot),
        temperature=0.2,  # v2, facebookresearch/moco
        negatives=Queue(4096),  # the authors' CIFAR-10 demo; 65,536 on ImageNet
    ),
    momentum=0.99,  # the same demo; 0.999 on ImageNet
)
