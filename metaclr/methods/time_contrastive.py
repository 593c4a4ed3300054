"""TCN, single view: frames of a clip that are near in time are similar, those that are far apart are not.

Differs from the authors (Sermanet et al. 2018; no code of theirs was found, what follows is kekeblom/tcn): the encoder
is the comparison's (theirs Inception with a spatial softmax), positives are within 1/8 of a clip and negatives beyond
3/8 (theirs 10 and 30 frames), all four frames of a clip are anchors, and they are augmented as the comparison is
(theirs as they are).
"""

from metaclr.bridge.losses.time_contrastive import TimeContrastive
from metaclr.methods.method import Method
from metaclr.positives.time import Time

METHOD = Method(
    family="metric",
    summary="triplets of frames: near in time against far in time, of one clip",
    reference="Sermanet et al. 2018, arXiv:1704.06888",
    formula=TimeContrastive.formula,
    objective=TimeContrastive(margin=2.0, radius=10.0),  # kekeblom/tcn
    positives=Time(window=0.125, far=True),
    way=2,  # two windows of one clip
    projector="linear",
)
