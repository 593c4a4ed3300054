"""Alignment and uniformity: the two properties of a contrastive embedding, optimized directly.

Differs from the authors (ssnl/align_uniform): the projector is the comparison's, one hidden layer; theirs is the
last, linear layer of an AlexNet whose fc7 is evaluated.
"""

from metaclr.bridge.losses.align_uniform import AlignUniform
from metaclr.methods.method import Method

METHOD = Method(
    family="decorrelation",
    summary="views close, images spread over the sphere",
    reference="Wang and Isola 2020, arXiv:2005.10242",
    formula=AlignUniform.formula,
    objective=AlignUniform(alpha=2.0, t=2.0),  # ssnl/align_uniform
)
