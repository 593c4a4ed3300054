"""UFLST: prototypical episodes whose classes are density clusters of unlabelled images, found anew in rounds.

Differs from the authors (ZilongJi/LearningToCluster_Omniglot): one learning rate schedule (theirs starts again in each
round); 3 queries (theirs 5), as many ways as a batch has room for (theirs 60); images of a cluster are augmented as the
comparison is (theirs are not); clusters of fewer than V = 4 images are left out (theirs of fewer than 6).
"""

from metaclr.bridge import Objective, Prototypes, cluster, raw, split, squared_euclidean
from metaclr.clusters import Clustering, Density
from metaclr.methods.method import Method

METHOD = Method(
    family="cluster",
    summary="ProtoNet whose classes are density clusters of its own embeddings, found anew 20 times",
    reference="Ji et al. 2020, doi:10.3389/fncom.2020.00083; ZilongJi/LearningToCluster_Omniglot",
    formula=r"\|q-\mu^+\|^2 + \log\sum_n e^{-\|q-\mu_n\|^2}, \quad n \text{ clusters}",
    objective=Objective(
        labels=cluster,
        roles=split,
        embedding=raw,
        head=Prototypes(squared_euclidean),
        temperature=1.0,  # none in the authors' code
    ),
    way_type="classes",
    labels="cluster",
    clusters=Clustering(Density(), rounds=20, unit=False),  # the authors'
    query=3,  # V as in `protonet`
    projector="none",
    views="identity",  # other images of the cluster are the views
)
