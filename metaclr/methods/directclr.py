"""DirectCLR: InfoNCE on the first dimensions of the encoder's features, without a projector.

Differs from the authors: none in the loss; they train with LARS and batches of 4,096.
"""

from metaclr.bridge import Objective, Pairs, dot, first_dims, swap
from metaclr.methods.method import Method

METHOD = Method(
    family="contrastive",
    summary="InfoNCE on a part of the features themselves; no projector",
    reference="Jing et al. 2022, arXiv:2110.09348",
    formula=r"-q_{:d_0}^\top s^+_{:d_0}/\tau + \log\sum_n e^{q_{:d_0}^\top s_{n,:d_0}/\tau}",
    objective=Objective(
        roles=swap,
        embedding=first_dims(360 / 2048),  # facebookresearch/directclr: 360 of ResNet-50's 2,048 features
        head=Pairs(dot),
        temperature=0.1,  # facebookresearch/directclr
    ),
    projector="none",
)
