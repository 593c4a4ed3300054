"""The central paper's ProtoNet, as coded by its authors: one direction, unit norm, squared Euclid over t.

Differs from the authors (RenkunNi/MetaContrastive): none in the loss and layers; widths are the comparison's (theirs
F and 128).
"""

from metaclr.bridge import Objective, Prototypes, split, squared_euclidean, unit_norm
from metaclr.methods.method import Method

METHOD = Method(
    family="unsupervised-few-shot",
    summary="prototypes on views as in RenkunNi/MetaContrastive (head PN)",
    reference="Ni et al. 2022 (ICLR), OpenReview gICys3ITSmj",
    formula=r"\|q-s^+\|^2/t + \log\sum_n e^{-\|q-s_n\|^2/t}, \quad t = 2\tau \text{ of the cosine}",
    objective=Objective(
        roles=split,
        embedding=unit_norm,
        head=Prototypes(squared_euclidean),  # one shot and one query is all that their code takes
        temperature=0.1,  # their ImageNet flag t, which divides embeddings by sqrt(t); 0.5 on CIFAR-10
    ),
    projector="mlp_norm",
)
