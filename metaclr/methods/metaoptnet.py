"""MetaOptNet: a support vector machine is fitted to the support of labelled classes.

Differs from the authors (kjunelee/MetaOptNet): rows are of unit norm, 1 shot and 3 queries of 16 ways (theirs 15
shots and 6 queries of 5 ways), as many tasks as a batch has room for (theirs 8), the learned scale starts at 50 (theirs
1), no label smoothing (theirs 0.1), images are not augmented (theirs are).
"""

from metaclr.bridge import SVM, Objective, given, split, unit_norm
from metaclr.methods.method import Method

METHOD = Method(
    family="few-shot",
    summary="SVM head on labelled classes",
    reference="Lee et al. 2019, arXiv:1904.03758",
    formula=r"CE(\alpha\, q^\top w_c), \quad w = \text{multi-class SVM of the support}",
    objective=Objective(
        labels=given,
        roles=split,
        embedding=unit_norm,
        head=SVM(penalty=0.1),  # kjunelee/MetaOptNet
        temperature=0.02,  # the weight of a unit row is at most C: C / tau makes logits up to 5 of it
        learn_temperature=True,
    ),
    way_type="classes",
    labels="given",
    way=16,  # the dual is of size N K x N
    query=3,  # V as in `protonet`
    projector="none",
    views="identity",
)
