"""Evaluators: features once, then few-shot, linear, kNN, low-label and transfer, with their statistics."""

from metaclr.evaluation.evaluators import EVALUATORS, embed, transfer
from metaclr.evaluation.features import Pixels, features, protocol_of
from metaclr.evaluation.few_shot import episode_accuracies, few_shot
from metaclr.evaluation.fine_tune import FineTune
from metaclr.evaluation.heads import HEADS
from metaclr.evaluation.knn import knn
from metaclr.evaluation.linear import linear
from metaclr.evaluation.low_label import low_label_finetune, low_label_frozen, low_label_probes
from metaclr.evaluation.measurement import Measurement
from metaclr.evaluation.target import Embedded, Target, make_target

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
    "low_label_probes",
    "make_target",
    "protocol_of",
    "transfer",
]
