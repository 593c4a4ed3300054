"""DINO: each view predicts the momentum encoder's distribution over prototypes for the other view.

Differs from the authors (facebookresearch/dino): 4,096 prototypes (theirs 65,536); they are trained from the first step
on (theirs are frozen for the first epoch); two views (theirs two large and eight small crops; `swav` says how to get
them); the projector's layers start as torch's do (theirs from a truncated normal of 0.02); weight decay and clipping
are the comparison's; widths are the comparison's (theirs 2,048 and 256).
"""

from metaclr.bridge.losses.dino import DINO
from metaclr.methods.method import Method

METHOD = Method(
    family="cluster",
    summary="a view predicts the EMA encoder's centered distribution over prototypes",
    reference="Caron et al. 2021, arXiv:2104.14294",
    formula=DINO.formula,
    objective=DINO(prototypes=4096, temperature=0.1, target_temperature=0.04, center_momentum=0.9),
    projector="mlp3_gelu",
    momentum=0.996,
    momentum_schedule="cosine",
)
