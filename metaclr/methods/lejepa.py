"""LeJEPA: the views of an image agree, and embeddings are tested to be an isotropic Gaussian.

Differs from the authors (rbalestr-lab/lejepa MINIMAL.md): 256 directions, as there (the paper 1,024); hidden layers of
the projector have no bias, which batch norm cancels; widths are the comparison's (theirs 2,048 and 16); AdamW and its
weight decay are the comparison's.
"""

from metaclr.bridge.losses.sig_reg import LeJEPA
from metaclr.methods.method import Method

METHOD = Method(
    family="decorrelation",
    summary="views agree, and embeddings along random directions are Gaussian",
    reference="Balestriero and LeCun 2025, arXiv:2511.08544",
    formula=LeJEPA.formula,
    objective=LeJEPA(weight=0.02, directions=256),
    query=3,  # four views, the authors' V
    projector="mlp3",
)
