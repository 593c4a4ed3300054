"""ProtoCLR: a prototypical episode of unlabelled images; one view is the support, three are queries.

Differs from the authors (indy-lab/ProtoTransfer): as many images as a batch has room for (theirs 50); queries are
augmented as the comparison is.
"""

from metaclr.bridge import Objective, Prototypes, raw, split, squared_euclidean
from metaclr.methods.method import Method

METHOD = Method(
    family="unsupervised-few-shot",
    summary="prototypes on views: augmented copies find the image that they come from",
    reference="Medina et al. 2020, arXiv:2006.11325",
    formula=r"\|q-s^+\|^2 + \log\sum_n e^{-\|q-s_n\|^2}",
    objective=Objective(
        roles=split,
        embedding=raw,
        head=Prototypes(squared_euclidean),
        temperature=1.0,  # none in the authors' code (indy-lab/ProtoTransfer)
    ),
    query=3,  # the same code: three augmentations against the image as it is
    projector="none",
    support_views="identity",
)
