"""CLIP's loss: symmetric InfoNCE whose temperature is learned.

Differs from the authors (openai/CLIP): the projector has a bias; two views of an image stand for an image and its
caption.
"""

from metaclr.bridge import Objective, Pairs, dot, swap, unit_norm
from metaclr.methods.method import Method

METHOD = Method(
    family="contrastive",
    summary="symmetric InfoNCE with a learned temperature (on two views, or two modalities)",
    reference="Radford et al. 2021, arXiv:2103.00020",
    formula=r"-q^\top s^+/\tau + \log\sum_n e^{q^\top s_n/\tau}, \quad \tau \text{ learned}",
    objective=Objective(
        roles=swap,
        embedding=unit_norm,
        head=Pairs(dot),
        temperature=0.07,  # where the authors start; 1 / tau is clipped at 100
        learn_temperature=True,
    ),
    projector="linear",
)
