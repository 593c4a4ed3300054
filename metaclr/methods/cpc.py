"""CPC v2: from the patches of an image down to some row, predict those two and more rows below.

Differs from the authors (Hénaff et al. 2020, DeepMind; what follows is PyTorch Lightning Bolts): 4 x 4 patches that
overlap by half, enlarged to the size of the image (theirs 7 x 7, at their own size), offsets of rows weigh alike (their
nested loop counts offset k for k - 1 times), the rows of the context have zero padding at their sides before each
1 x 3 convolution (theirs after it), and patches are augmented as the comparison is.
"""

from metaclr.bridge.losses.row_prediction import RowPrediction
from metaclr.methods.method import Method
from metaclr.positives.patch import Patch

METHOD = Method(
    family="contrastive",
    summary="patches down to a row predict those below, among all patches of the batch",
    reference="Hénaff et al. 2020, arXiv:1905.09272; Lightning-Universe/lightning-bolts",
    formula=RowPrediction.formula,
    objective=RowPrediction(target_dim=64, scale=0.1, hidden=256, blocks=5),  # lightning-bolts
    positives=Patch(grid=4, overlap=0.5, whole=True),
    query=15,  # all 16 patches
    projector="none",
)
