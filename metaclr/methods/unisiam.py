"""UniSiam: SimSiam with a term that spreads the embeddings of different images.

Differs from the authors (bbbdylan/unisiam): linear layers before a batch norm have no bias, which it cancels, and the
last batch norm of the projector has no weight and bias (theirs has); projector widths are the comparison's (theirs
equal the encoder's); their distillation from a larger network is left out.
"""

from metaclr.bridge import WeightedSum, WithPredictor
from metaclr.bridge.losses.alignment import Alignment
from metaclr.bridge.losses.dispersion import Dispersion
from metaclr.methods.method import Method

METHOD = Method(
    family="predictive",
    summary="SimSiam whose embeddings are spread over the sphere",
    reference="Lu et al. 2022 (ECCV), bbbdylan/unisiam; their loss is this less 1",
    formula=r"1 - \cos(p(q), s) + \lambda \log E_{x \neq y}\, e^{\cos(x, y)/\tau}, \quad s \text{ without gradient}",
    objective=WeightedSum(
        (
            (1.0, WithPredictor(Alignment(weight=1.0), hidden_share=0.25, target="stop_gradient")),
            (0.1, Dispersion(temperature=2.0)),  # the authors' lamb and temp
        )
    ),
    projector="mlp3_bn",
)
