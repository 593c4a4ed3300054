"""The central paper's R2-D2, as coded by its authors: a ridge head without a scale.

Differs from the authors (RenkunNi/MetaContrastive): none in the loss and layers; widths are the comparison's (theirs
F and 128).
"""

from metaclr.bridge import Objective, Ridge, split, unit_norm
from metaclr.methods.method import Method

METHOD = Method(
    family="unsupervised-few-shot",
    summary="ridge head on views as in RenkunNi/MetaContrastive; trains under LARS, hardly under Adam",
    reference="Ni et al. 2022 (ICLR), OpenReview gICys3ITSmj",
    formula=r"CE(q^\top S^\top (S S^\top + \lambda t I)^{-1} Y), \quad \lambda t \text{ is the regularizer}",
    objective=Objective(
        roles=split,
        embedding=unit_norm,
        # Their lambda = 50 on embeddings divided by sqrt(t): the same as lambda t on unit vectors. t = 0.1 is
        # their ImageNet flag, 0.5 that of CIFAR-10.
        head=Ridge(regularizer=50 * 0.1),
        temperature=1.0,  # no scale: logits stay below 0.224, so the loss stays near log N
    ),
    projector="mlp_norm",
)
