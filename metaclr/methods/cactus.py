"""CACTUs-ProtoNets: prototypical episodes whose classes are k-means clusters of unlabelled images.

Differs from the authors (kylehkhsu/cactus-maml, hsukyle/cactus-protonets): the clusters are of the method's own
embeddings after a fifth of the training, in which each image is its own class, and the encoder trains on from there
(theirs are of an encoder trained beforehand, ACAI, BiGAN or DeepCluster, and a new one learns the tasks); 4
partitions (theirs up to 100) of at most 100 iterations (theirs 3,000); embeddings are clustered at unit norm; 3
queries (theirs 5), as many ways as a batch has room for (theirs 20); images of a cluster are augmented as the
comparison is.
"""

from metaclr.bridge import Objective, Prototypes, cluster, raw, split, squared_euclidean
from metaclr.clusters import Clustering, KMeans
from metaclr.methods.method import Method

METHOD = Method(
    family="cluster",
    summary="ProtoNet whose classes are k-means clusters of its own embeddings",
    reference="Hsu, Levine and Finn 2019, arXiv:1810.02334",
    formula=r"\|q-\mu^+\|^2 + \log\sum_n e^{-\|q-\mu_n\|^2}, \quad n \text{ clusters}",
    objective=Objective(
        labels=cluster,
        roles=split,
        embedding=raw,
        head=Prototypes(squared_euclidean),
        temperature=1.0,  # as `protonet`
    ),
    way_type="classes",
    labels="cluster",
    clusters=Clustering(
        KMeans(clusters=500, partitions=4),  # the authors' 500
        start=0.2,  # the project's own: clusters of random weights mean little
    ),
    query=3,  # V as in `protonet`
    projector="none",
)
