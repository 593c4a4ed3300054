"""A trained encoder in use: features of images, and classification of new images from a few labelled ones."""

from metaclr.inference.support_classifier import Prediction, SupportClassifier
from metaclr.inference.trained_encoder import TrainedEncoder

__all__ = ["Prediction", "SupportClassifier", "TrainedEncoder"]
