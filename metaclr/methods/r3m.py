"""R3M without language: frames of a clip in order of time, and a penalty on large features.

Differs from the authors (facebookresearch/r3m): their reward of progress by a sentence is left out (it needs a text for
each clip and a frozen language model), three distinct frames are drawn uniformly (theirs the middle one first, and the
last may be the same), frames of other clips are never of the same one (theirs are random permutations), embeddings come
without a projector as theirs, crops differ from frame to frame (theirs are one for a clip), and no 1e-8 is added inside
logarithms.
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
    query=2,  # V = 3 frames of a clip
    projector="none",
)
