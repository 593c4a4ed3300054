"""MoCo v3: InfoNCE between the predictions of one view and the momentum encoder's keys of the other, without a queue.

Differs from the authors (facebookresearch/moco-v3): their loss is 4 tau times this one, for both directions are added
and each is multiplied by 2 tau (Adam is invariant to the factor); batch norm sees both views of the batch together
(theirs one at a time); the momentum encoder moves after a step (theirs before its keys are embedded) and keeps its own
batch statistics; widths are the comparison's (theirs 4,096 and 256), except the predictor's.
"""

from metaclr.bridge import Objective, Pairs, WithPredictor, dot, swap, unit_norm
from metaclr.methods.method import Method

METHOD = Method(
    family="queue",
    summary="a view's prediction picks the EMA key of its other view among those of the batch",
    reference="Chen, Xie and He 2021, arXiv:2104.02057",
    formula=r"-p(q)^\top k^+/\tau + \log\sum_n e^{p(q)^\top k_n/\tau}",
    objective=WithPredictor(
        Objective(roles=swap, embedding=unit_norm, head=Pairs(dot), temperature=1.0),  # ResNet; 0.2 for ViT
        hidden=4096,
        last_norm=True,
    ),
    projector="mlp_bn",
    momentum=0.99,
    momentum_schedule="cosine",  # the authors' --moco-m-cos
)
