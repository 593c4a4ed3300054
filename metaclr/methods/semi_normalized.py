"""Revisiting unsupervised meta-learning: semi-normalized prototypes, many tasks from one embedded batch.

Differs from the authors (hanlu-nju/revisiting-UML): 3 queries (theirs 5), as many images as a batch has room for
(theirs 32).
"""

from metaclr.bridge import Objective, Prototypes, Resample, raw, semi_normalized, split
from metaclr.methods.method import Method

METHOD = Method(
    family="unsupervised-few-shot",
    summary="views of unlabelled images, 256 resampled 5-way tasks a step, prototypes normalized and queries not",
    reference="Ye, Han and Zhan 2020, arXiv:2011.14663",
    formula=r"-q^\top\mu^+/\|\mu^+\| + \log\sum_n e^{q^\top\mu_n/\|\mu_n\|}",
    objective=Objective(
        roles=split,
        tasks=Resample(tasks=256, way=5),  # hanlu-nju/revisiting-UML
        embedding=raw,
        head=Prototypes(semi_normalized),
        temperature=1.0,  # none in the paper
    ),
    query=3,  # V as in `protoclr`, so that batches fit; the authors have 5
    projector="none",
)
