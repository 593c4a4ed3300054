"""UFLST with batch-hard triplets: classes are density clusters of unlabelled images, found anew in rounds.

Differs from the authors (ZilongJi/LearningToCluster_Omniglot): one learning rate schedule (theirs starts again in each
round); a batch has 4 images of a cluster (theirs 6 images) and as many clusters as it has room for (theirs 60); images
are augmented as the comparison is (theirs are not); clusters of fewer than 4 images are left out (theirs of fewer
than 6).
"""

from metaclr.bridge import raw
from metaclr.bridge.losses.triplet import Triplet
from metaclr.clusters import Clustering, Density
from metaclr.methods.method import Method

METHOD = Method(
    family="cluster",
    summary="batch-hard triplets of density clusters of its own embeddings, found anew 20 times",
    reference="Ji et al. 2020, doi:10.3389/fncom.2020.00083; ZilongJi/LearningToCluster_Omniglot",
    formula=r"\max(0, m + \max_p \|a-p\| - \min_n \|a-n\|), \quad p, n \text{ by clusters}",
    objective=Triplet(mining="batch_hard", margin=1.0, squared=False, embedding=raw),  # the authors'
    way_type="classes",
    labels="cluster",
    clusters=Clustering(Density(), rounds=20, unit=False),  # the authors'
    query=3,  # V as in `uflst`
    projector="none",
    views="identity",  # other images of the cluster are the views
)
