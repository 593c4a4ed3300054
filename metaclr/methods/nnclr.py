"""NNCLR: the nearest past neighbor of one view picks the prediction of the other view.

Differs from the authors (Dwibedi et al. 2021; no code of theirs was found, layers as in lightly and solo-learn): the
queue is of 4,096 (theirs 98,304), starts empty (theirs random) and takes both views (theirs the first); batch norm sees
both views of the batch together (theirs one at a time); linear layers before a batch norm have no bias, which it
cancels; widths are the comparison's (theirs 2,048 and 256), except the predictor's.
"""

from metaclr.bridge import NearestNeighbors, Objective, Pairs, WithPredictor, dot, swap, unit_norm
from metaclr.methods.method import Method

METHOD = Method(
    family="queue",
    summary="the nearest past neighbor of a view picks the prediction of the other view",
    reference="Dwibedi et al. 2021, arXiv:2104.14548",
    formula=r"-n(s)^\top p(q)^+/\tau + \log\sum_i e^{n(s)^\top p(q_i)/\tau}, \quad n(s) \text{ nearest of the queue}",
    objective=WithPredictor(
        Objective(
            labels=NearestNeighbors(4096),  # as `moco`
            roles=swap,
            embedding=unit_norm,
            head=Pairs(dot),
            temperature=0.1,  # the paper
        ),
        hidden=4096,
        target="stop_gradient",
    ),
    projector="mlp3_norm",
)
