"""Evaluators: features once, then few-shot, linear, kNN, low-label and transfer, with their statistics."""

from metaclr.evaluate.features import Pixels, features, protocol_of
from metaclr.evaluate.few_shot import episode_accuracies, few_shot
from metaclr.evaluate.fine_tune import FineTune
from metaclr.evaluate.heads import HEADS
from metaclr.evaluate.knn import knn
from metaclr.evaluate.linear import linear
from metaclr.evaluate.low_label import low_label_finetune, low_label_frozen
from metaclr.evaluate.measurement import Measurement
from metaclr.evaluate.target import Embedded, Target, make_target
from metaclr.evaluate.transfer import EVALUATORS, embed, transfer

__all__ = [
    "EVALUATORS",
    "HEADS",
    "Embedded",
    "FineTune",
    "Measurement",
    "Pixels",
    "Target",
    "embed",
    "episode_accuracies",
    "features",
    "few_shot",
    "knn",
    "linear",
    "low_label_finetune",
    "low_label_frozen",
    "make_target",
    "protocol_of",
    "transfer",
]
