"""L_spread with the autoencoder of its paper: features from which a decoder can also draw the view.

It breaks the symmetry that L_spread leaves: which images of a class are close to which. Differs from the authors
(HazyResearch/thanos-code, experiment lspread_cep_autoencoder): as `l_spread` in its clamp and unit norm; the decoder is
convolutions without residual blocks (theirs a ResNet-18 in reverse); their best model, Thanos, joins the embeddings of
two such networks, one for either loss. As in their code the decoder is not told the class: it is conditional because
the features carry the class already.
"""

from metaclr.methods.l_spread import METHOD as L_SPREAD
from metaclr.methods.method import Method

METHOD = Method(
    family="supervised",
    summary="L_spread plus the error of a decoder that draws the view from its features",
    reference="Chen, Fu et al. 2022, arXiv:2204.07596; HazyResearch/thanos-code",
    formula=r"L_{spread} + E\|d(f(x)) - x\|^2, \quad d(f(x)) \text{ drawn from the features } f(x)",
    objective=L_SPREAD.objective,
    labels="given",
    reconstruction=1.0,  # the authors' task_weight
)
