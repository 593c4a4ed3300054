"""SimCSE: a sentence picks itself among the others of the batch, seen through another dropout mask.

Differs from the authors (princeton-nlp/SimCSE): the projector is one linear layer (theirs is followed by tanh), and the
views are the comparison's: on texts (`metaclr text`) dropout alone, on images augmentations.
"""

from metaclr.bridge import Objective, Pairs, dot, split, unit_norm
from metaclr.methods.method import Method

METHOD = Method(
    family="contrastive",
    summary="each view picks its sibling among the other views' images, one way, at a low temperature",
    reference="Gao, Yao and Chen 2021, arXiv:2104.08821; princeton-nlp/SimCSE",
    formula=r"-q^\top s^+/\tau + \log\sum_n e^{q^\top s_n/\tau}",
    objective=Objective(
        roles=split,
        embedding=unit_norm,
        head=Pairs(dot),
        temperature=0.05,  # run_unsup_example.sh
    ),
    projector="linear",
)
