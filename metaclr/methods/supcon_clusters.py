"""SupCon on density clusters: SimCLR first, then the images of a cluster are each other's positives."""

from metaclr.bridge import Objective, Pairs, cluster, dot, leave_one_out, unit_norm
from metaclr.clusters import Clustering, Density
from metaclr.methods.method import Method

METHOD = Method(
    family="cluster",
    summary="SimCLR, and from a third of the training on SupCon whose classes are clusters of its own embeddings",
    reference="the project's own: Khosla et al. 2020, arXiv:2004.11362, on clusters as Ji et al. 2020 (`uflst`)",
    formula=r"\frac{-1}{|P|}\sum_{p \in P} \log\frac{e^{q^\top p/\tau}}{\sum_{k \neq q} e^{q^\top k/\tau}}",
    objective=Objective(
        labels=cluster,
        roles=leave_one_out,
        embedding=unit_norm,
        head=Pairs(dot),
        temperature=0.2,  # as `simclr`
    ),
    way_type="classes",
    labels="cluster",
    # On Omniglot's validation characters, trained on the train ones (2,000 steps of 256 views, upright, 20-way 1-shot):
    # 86.6 with start 0.4 and 4 rounds, `simclr` 84.6, four views of each image in place of two 85.0.
    clusters=Clustering(Density(), start=0.3, rounds=6),
    query=3,  # V as in `uflst`
)
