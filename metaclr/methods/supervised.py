"""Supervised learning: cross-entropy of a linear classifier over all labelled classes.

Differs from the authors (HobbitLong/SupContrast, cross-entropy): views are shifted by interpolated distances.
"""

from metaclr.bridge.losses.supervised import Supervised
from metaclr.methods.method import Method

METHOD = Method(
    family="supervised",
    summary="cross-entropy over all classes of the training set",
    reference="softmax regression on the encoder's features; the reference of every table",
    formula=Supervised.formula,
    objective=Supervised(),
    labels="given",
    projector="none",
    views="crop-flip",
)
