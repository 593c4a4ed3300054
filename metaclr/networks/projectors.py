"""Projectors: layers between the features that are evaluated and the embeddings that the loss compares."""

from __future__ import annotations

from torch import Tensor, nn

from metaclr.errors import UserError, unknown
from metaclr.networks.options import integer
from metaclr.networks.seeded_init import seeded

# name -> number of hidden layers; None: no layer at all.
_HIDDEN_LAYERS: dict[str, int | None] = {
    "none": None,
    "linear": 0,
    "mlp": 1,
    "mlp_norm": 1,
    "mlp_bn": 1,
    "byol": 1,
    "mlp3": 2,
    "mlp3_bn": 2,
    "mlp3_norm": 2,
    "mlp3_gelu": 2,
}

WITHOUT_BIAS = ("byol", "mlp_norm", "mlp_bn", "mlp3_bn", "mlp3_norm")
"""Projectors whose last linear layer has no bias."""


def projector_names() -> tuple[str, ...]:
    """What `build_projector` takes."""
    return tuple(_HIDDEN_LAYERS)


class Projector(nn.Module):
    """Layers from features (B, F) to embeddings (B, D), with D as `features`."""

    def __init__(self, layers: nn.Sequential, features: int) -> None:
        super().__init__()
        self.layers = layers
        self.features = features

    def forward(self, features: Tensor) -> Tensor:
        """(B, F) to (B, D)."""
        embeddings: Tensor = self.layers(features)
        return embeddings


def build_projector(
    name: str, features: int, *, hidden: int | None = None, dim: int | None = None, seed: int = 0
) -> Projector:
    """A projector from F = `features` numbers to D, its attribute `features`.

    none: identity, D = F. linear: one layer. mlp: linear, batch norm, ReLU, linear (SimCLR, Chen et al. 2020,
    arXiv:2002.05709, appendix B.9). mlp3: two hidden layers (Barlow Twins, SimCLR v2). byol: as mlp, the last layer
    without bias (Grill et al. 2020, arXiv:2006.07733, section 3.3). mlp_norm: as mlp, the last layer without bias
    and followed by a batch norm whose own bias stays 0 (RenkunNi/MetaContrastive). mlp_bn, mlp3_bn: as mlp and
    mlp3, the last layer without bias, then a batch norm without weight and bias (alinlab/PsCo;
    facebookresearch/simsiam). mlp3_norm: as mlp3, the last layer without bias, then a whole batch norm (NNCLR,
    Dwibedi et al. 2021, arXiv:2104.14548). mlp3_gelu: as mlp3 with GELU for batch norm and ReLU, so that its layers
    have biases (facebookresearch/dino).

    Args:
        hidden: width of the hidden layers; None: F.
        dim: D; None: F. `none` leaves it unread.
        seed: initial weights are a pure function of it.

    Raises:
        UserError: an unknown name, or a width that is no whole number above 0.
    """
    if name not in _HIDDEN_LAYERS:
        raise unknown("projector", name, _HIDDEN_LAYERS)
    if not isinstance(features, int) or features < 1:
        raise UserError(f"projector {name!r}: features = {features!r} must be a whole number of at least 1")
    depth = _HIDDEN_LAYERS[name]
    if depth is None:
        return Projector(nn.Sequential(), features)
    width = features if hidden is None else integer("projector hidden", hidden)
    out = features if dim is None else integer("projector dim", dim)
    with seeded(seed, "projector"):
        layers: list[nn.Module] = []
        size = features
        for _ in range(depth):
            hidden_layer = [nn.Linear(size, width, bias=False), nn.BatchNorm1d(width), nn.ReLU()]
            layers += [nn.Linear(size, width), nn.GELU()] if name == "mlp3_gelu" else hidden_layer
            size = width
        layers.append(nn.Linear(size, out, bias=name not in WITHOUT_BIAS))
        if name == "mlp_norm":
            layers.append(nn.BatchNorm1d(out))
            layers[-1].bias.requires_grad_(False)
        elif name == "mlp3_norm":
            layers.append(nn.BatchNorm1d(out))
        elif name in ("mlp_bn", "mlp3_bn"):
            layers.append(nn.BatchNorm1d(out, affine=False))
    return Projector(nn.Sequential(*layers), out)
