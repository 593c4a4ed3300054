"""CAML: a transformer reads labeled support images and a query, and tells the query's way; nothing is fitted.

Differs from the authors (cfifty/CAML): encoder and transformer are trained together from scratch (theirs on a frozen
pretrained encoder); 2 layers of width 128 (theirs as wide as a large vision transformer); support tokens do not attend
to the query, so that they are read once for all queries of an episode; 32 label vectors, drawn anew for each task
(theirs one for each way); 3 queries; 64 tasks of 5 ways are drawn from one embedded batch.
"""

from metaclr.bridge import InContext, Objective, Resample, given, raw, split
from metaclr.methods.method import Method

METHOD = Method(
    family="few-shot",
    summary="an in-context transformer over labeled support images and a query",
    reference="Fifty et al. 2024, arXiv:2310.10971",
    formula=r"CE(h_\theta(\{(s_n, c_n)\}, q), n), \quad c_n^\top c_m = -1/(C-1)",
    objective=Objective(
        labels=given,
        roles=split,
        tasks=Resample(tasks=64, way=5),  # 5 ways as the authors'
        embedding=raw,
        head=InContext(labels="simplex"),
        temperature=1.0,  # none in the paper
    ),
    way_type="classes",
    labels="given",
    query=3,  # V as in `protonet`
    projector="none",
    views="identity",
)
