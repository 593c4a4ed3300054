"""Hard mixed supports: semi-normalized prototypes on resampled tasks, against mixtures of each query and its neighbors.

Differs from the authors (hanlu-nju/revisiting-UML): as `semi_normalized`: 3 queries (theirs 5), as many images as a
batch has room for (theirs 32); mixing factors are drawn for each query of a task (theirs once for a view of the batch).
"""

from metaclr.bridge import HardMixed, Objective, Prototypes, Resample, raw, semi_normalized, split
from metaclr.methods.method import Method

METHOD = Method(
    family="unsupervised-few-shot",
    summary="256 resampled 5-way tasks a step, with mixtures of a query and its nearest others as negatives",
    reference="Ye, Han and Zhan 2020, arXiv:2011.14663",
    formula=r"-q^\top\mu^+/\|\mu^+\| + \log\left(\sum_n e^{q^\top\mu_n/\|\mu_n\|} + \sum_m e^{q^\top m/\|m\|}\right)",
    objective=Objective(
        roles=split,
        tasks=Resample(tasks=256, way=5),  # hanlu-nju/revisiting-UML
        embedding=raw,
        head=Prototypes(semi_normalized),
        temperature=1.0,  # none in the paper
        negatives=HardMixed(count=10, strength=0.5),  # the authors' script/hms.sh
    ),
    query=3,  # as `semi_normalized`; the authors have 5
    projector="none",
)
