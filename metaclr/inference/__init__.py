"""A trained encoder in use: features of images, and classification of new images from a few labelled ones."""

from metaclr.inference.frozen_encoder import FrozenEncoder
from metaclr.inference.support_classifier import Prediction, SupportClassifier

__all__ = ["FrozenEncoder", "Prediction", "SupportClassifier"]
