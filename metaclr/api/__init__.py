"""The Python functions behind the command-line verbs."""

from metaclr.api.comparing import Comparison, compare
from metaclr.api.diagnosing import Diagnosis, diagnose_runs
from metaclr.api.encoders import pretrained
from metaclr.api.entities import train_entities
from metaclr.api.evaluating import evaluate
from metaclr.api.loading import load
from metaclr.api.objectives import objective
from metaclr.api.reproducing import reproduce
from metaclr.api.sweeping import sweep
from metaclr.api.texts import train_texts
from metaclr.api.training import train
from metaclr.api.walking import bridge_walk
from metaclr.comparison.runs.text_training import TextOptions

__all__ = [
    "Comparison",
    "Diagnosis",
    "TextOptions",
    "bridge_walk",
    "compare",
    "diagnose_runs",
    "evaluate",
    "load",
    "objective",
    "pretrained",
    "reproduce",
    "sweep",
    "train",
    "train_entities",
    "train_texts",
]
