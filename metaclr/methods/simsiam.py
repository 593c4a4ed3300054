"""SimSiam: BYOL without the slow encoder; the target is the other view without gradient."""

from metaclr.bridge import WithPredictor
from metaclr.bridge.losses.alignment import Alignment
from metaclr.methods.method import Method

METHOD = Method(
    summary="predict the other view's embedding, which takes no gradient",
    reference="Chen and He 2021, arXiv:2011.10566; the paper's loss is this less 1",
    formula=r"1 - \frac{p(q)^\top s}{\|p(q)\| \|s\|}, \quad s \text{ without gradient}",
    objective=WithPredictor(Alignment(weight=1.0), hidden=512, target="stop_gradient"),  # facebookresearch/simsiam
    projector="mlp3",
)
