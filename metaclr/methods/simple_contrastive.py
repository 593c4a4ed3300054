"""Simple contrastive loss: positives up, negatives down, without a softmax to weigh them.

Differs from the authors: negatives are the other views of the batch (theirs a memory bank of past embeddings), both
views are queries, and the projector has a hidden layer (theirs is linear).
"""

from metaclr.bridge import Objective, Pairs, SimpleContrastive, dot, leave_one_out, unit_norm
from metaclr.methods.method import Method

METHOD = Method(
    family="contrastive",
    summary="the limit of SimCLR for a high temperature: no negative weighs more than another",
    reference="Wang and Liu 2021, arXiv:2012.09740",
    formula=r"-q^\top s^+ + \lambda \sum_k q^\top k",
    objective=Objective(
        roles=leave_one_out,
        embedding=unit_norm,
        head=Pairs(dot),
        temperature=1.0,  # only scales the loss
        denominator=SimpleContrastive(),  # lambda = 1 / number of negatives, as the limit has it
    ),
)
