"""R3M without language: frames of a clip in order of time, and a penalty on large features.

Differs from the authors (facebookresearch/r3m): their reward of progress by a sentence is left out (it needs a text for
each clip and a frozen language model), four distinct frames of a clip are drawn uniformly and all their triples count
(theirs are three beside the first and the last, the middle one drawn first), frames of other clips are never of the
same one (theirs are random permutations), crops differ from frame to frame (theirs are one for a clip), and no 1e-8 is
added inside logarithms.
"""

from metaclr.bridge.losses.ordered_frames import OrderedFrames
from metaclr.methods.method import Method
from metaclr.positives.time import Time

METHOD = Method(
    family="metric",
    summary="of three frames in order, neighbors are more similar than the first and the last",
    reference="Nair et al. 2022, arXiv:2203.12601; facebookresearch/r3m",
    formula=OrderedFrames.formula,
    objective=OrderedFrames(negatives=3, penalty=1e-5),
    positives=Time(window=1.0, order=True),
    query=3,  # V = 4 frames of a clip; with 3 views the loss is the authors', but 3 divides few batches
    projector="none",
)
