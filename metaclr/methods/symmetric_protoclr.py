"""Symmetric ProtoCLR: two views of each image, each the support once and the query once."""

from metaclr.bridge import Objective, Prototypes, raw, squared_euclidean, swap
from metaclr.methods.method import Method

METHOD = Method(
    family="unsupervised-few-shot",
    summary="prototypes on two views with both directions: InfoNCE by squared distance of raw embeddings",
    reference="this project; `protoclr` with the swapped roles of `infonce`",
    formula=r"\|q-s^+\|^2 + \log\sum_n e^{-\|q-s_n\|^2}",
    objective=Objective(
        roles=swap,
        embedding=raw,
        head=Prototypes(squared_euclidean),
        temperature=1.0,  # as `protoclr`
    ),
    projector="none",
)
