"""SimSiam: BYOL without the momentum encoder; the target is the other view without gradient.

Differs from the authors: projector widths are the comparison's (theirs equal the encoder's); batch norm sees both views
of the batch together (theirs one at a time).
"""

from metaclr.bridge import WithPredictor
from metaclr.bridge.losses.alignment import Alignment
from metaclr.methods.method import Method

METHOD = Method(
    family="predictive",
    summary="predict the other view's embedding, which takes no gradient",
    reference="Chen and He 2021, arXiv:2011.10566; the paper's loss is this less 1",
    formula=r"1 - \frac{p(q)^\top s}{\|p(q)\| \|s\|}, \quad s \text{ without gradient}",
    # facebookresearch/simsiam: 512 of 2,048
    objective=WithPredictor(Alignment(weight=1.0), hidden_share=512 / 2048, target="stop_gradient"),
    projector="mlp3_bn",
)
