"""SwAV: each view predicts the cluster of the other, and clusters share the images of a batch evenly.

Multi-crop, two large and four small crops, is `swav(shot=2, query=4, support_views=multi-crop-global,
views=multi-crop-local)`: the first two views are assigned to prototypes, and all predict.

Differs from the authors (facebookresearch/swav): 300 prototypes (theirs 3,000 for batches of 4,096, or with a queue,
which is left out); prototypes are trained from the first step on (theirs are frozen for the first epoch); two views
(theirs in the best run two large and six small crops); small crops have the size of the others; linear layers
before a batch norm have no bias, which it cancels; widths are the
comparison's (theirs 2,048 and 128).
"""

from metaclr.bridge.losses.swav import SwAV
from metaclr.methods.method import Method

METHOD = Method(
    family="cluster",
    summary="a view predicts the balanced cluster assignment of the other view",
    reference="Caron et al. 2020, arXiv:2006.09882",
    formula=SwAV.formula,
    objective=SwAV(prototypes=300, temperature=0.1, epsilon=0.05, iterations=3),
)
