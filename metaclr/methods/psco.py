"""PsCo: MoCo, and an episode whose support are the queue entries that an optimal transport gives to each image."""

from metaclr.bridge import Objective, Pairs, Queue, QueuePseudoLabels, WeightedSum, WithPredictor, dot, split, unit_norm
from metaclr.methods.method import Method

QUEUE = 4096  # as `moco`; the authors' 16,384

METHOD = Method(
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
                        labels=QueuePseudoLabels(shots=4, size=QUEUE),  # the authors' K on mini-ImageNet
                        roles=split,
                        embedding=unit_norm,
                        head=Pairs(dot),
                        temperature=1.0,  # the authors' tau_2
                    ),
                ),
            )
        ),
    ),
    momentum=0.99,  # the authors'
)
