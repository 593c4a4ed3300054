"""Hard contrastive loss by a threshold: only negatives on the query's side of the sphere count."""

from metaclr.bridge import Objective, Pairs, SimilarityThreshold, dot, leave_one_out, unit_norm
from metaclr.methods.method import Method

METHOD = Method(
    family="contrastive",
    summary="SimCLR against negatives of similarity above a threshold",
    reference="Wang and Liu 2021, arXiv:2012.09740",
    formula=r"-\log\frac{e^{l^+/\tau}}{\sum_{l_k \geq \theta} e^{l_k/\tau} + e^{l^+/\tau}}, \quad l_k = q^\top k",
    objective=Objective(
        roles=leave_one_out,
        embedding=unit_norm,
        head=Pairs(dot),
        temperature=0.3,  # as `hard_contrastive`
        denominator=SimilarityThreshold(threshold=0.0),  # the project's own: the half of the sphere around the query
    ),
)
