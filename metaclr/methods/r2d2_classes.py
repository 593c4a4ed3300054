"""R2D2 on labelled classes: a ridge regression is fitted to the support and judged on the queries."""

from metaclr.bridge import Objective, Ridge, given, split, unit_norm
from metaclr.methods.method import Method

METHOD = Method(
    summary="ridge head on labelled classes",
    reference="Bertinetto et al. 2019, arXiv:1805.08136",
    formula=r"CE(\alpha\, q^\top S^\top (S S^\top + \lambda I)^{-1} Y + \beta)",
    objective=Objective(
        labels=given,
        roles=split,
        embedding=unit_norm,
        head=Ridge(regularizer=1.0, bias=True),  # as `r2d2`
        temperature=0.1,
        learn_temperature=True,
    ),
    way_type="classes",
    labels="given",
    query=3,  # V as in `protonet`
    projector="none",
    views="identity",
)
