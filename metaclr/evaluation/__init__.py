"""Evaluators: features once, then few-shot, linear, kNN, low-label and transfer, with their statistics."""

from metaclr.adaptation.fine_tune import FineTune
from metaclr.evaluation.evaluator import Evaluator
from metaclr.evaluation.evaluators.knn import knn
from metaclr.evaluation.evaluators.linear import linear
from metaclr.evaluation.evaluators.low_label_finetune import low_label_finetune
from metaclr.evaluation.evaluators.low_label_frozen import low_label_frozen
from metaclr.evaluation.features import Pixels, features, protocol_of
from metaclr.evaluation.few_shot import episode_accuracies, few_shot
from metaclr.evaluation.label_subsets import low_label_probes
from metaclr.evaluation.measurement import Measurement
from metaclr.evaluation.target import Embedded, Target, make_target
from metaclr.evaluation.transfer import EVALUATORS, embed, transfer
from metaclr.heads import HEADS

__all__ = [
    "EVALUATORS",
    "HEADS",
    "Embedded",
    "Evaluator",
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
