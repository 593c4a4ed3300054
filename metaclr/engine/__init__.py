"""One training loop for all methods."""

from metaclr.engine.errors import Interrupted, NonFiniteLoss
from metaclr.engine.learner import Learner
from metaclr.engine.settings import TrainSettings
from metaclr.engine.train import Trained, train

__all__ = ["Interrupted", "Learner", "NonFiniteLoss", "TrainSettings", "Trained", "train"]
