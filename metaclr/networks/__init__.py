"""Encoders map pixels (B, C, H, W) in [0, 1] to features (B, F); projectors map features to embeddings (B, D)."""

from metaclr.networks.encoders import build_encoder, encoder_names
from metaclr.networks.projectors import build_projector, projector_names

__all__ = ["build_encoder", "build_projector", "encoder_names", "projector_names"]
