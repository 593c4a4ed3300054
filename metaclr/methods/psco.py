"""PsCo: MoCo, and an episode whose support are the queue entries that optimal transport assigns to each image.

Differs from the authors (alinlab/PsCo): a queue of 4,096 that starts empty (theirs 16,384 random vectors), widths of
the projector are the comparison's (theirs 4,096 and 256), the last layer of the predictor has a bias, the momentum
encoder keeps its own batch statistics (theirs are copied), and views are this project's presets, strong for queries and
gentle for the support.
"""

from metaclr.bridge import Objective, Pairs, Queue, QueuePseudoLabels, WeightedSum, WithPredictor, dot, split, unit_norm
from metaclr.methods.method import Method

QUEUE = 4096  # as `moco`; the authors' 16,384

METHOD = Method(
    family="unsupervised-few-shot",
    summary="MoCo plus a pseudo-supervised episode from the queue",
    reference="Jang, Lee and Shin 2023 (ICLR), alinlab/PsCo",
    formula=r"L_{MoCo} + \log\sum_{s \in \cup S_j} e^{p^\top s/\tau_2} - \frac1K \sum_{s \in S^+} p^\top s/\tau_2",
    objective=WithPredictor(
        WeightedSum(
            (
                (
                    1.0,
                    Objective(
                        roles=split,
                        embedding=unit_norm,
                        head=Pairs(dot),
                        temperature=0.2,  # the authors'
                        negatives=Queue(QUEUE),
                    ),
                ),
                (
                    1.0,
                    Objective(
                        labels=QueuePseudoLabels(shots=1, size=QUEUE),  # the authors' K on Omniglot; 4 on mini-ImageNet
                        roles=split,
                        embedding=unit_norm,
                        head=Pairs(dot),
                        temperature=1.0,  # the authors' tau_2
                    ),
                ),
            )
        ),
    ),
    projector="mlp_bn",  # get_mlp(..., last_bn=True)
    momentum=0.99,  # the authors', constant
    views="strong",
    support_views="gentle",
)
