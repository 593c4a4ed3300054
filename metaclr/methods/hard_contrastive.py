"""Hard contrastive loss: only the most similar share of the negatives is in the denominator.

Differs from the authors: negatives are the other views of the batch (theirs a memory bank of past embeddings), both
views are queries, and the projector has a hidden layer (theirs is linear).
"""

from metaclr.bridge import HardestNegatives, Objective, Pairs, dot, leave_one_out, unit_norm
from metaclr.methods.method import Method

METHOD = Method(
    family="contrastive",
    summary="SimCLR against the hardest 8 % of its negatives",
    reference="Wang and Liu 2021, arXiv:2012.09740",
    formula=r"-\log\frac{e^{l^+/\tau}}{\sum_{l_k \geq l_\alpha} e^{l_k/\tau} + e^{l^+/\tau}}, \quad l_k = q^\top k",
    objective=Objective(
        roles=leave_one_out,
        embedding=unit_norm,
        head=Pairs(dot),
        temperature=0.3,  # the paper's best plain loss on CIFAR-10
        denominator=HardestNegatives(share=0.0819),  # the paper's alpha on CIFAR, there of a memory bank
    ),
)
