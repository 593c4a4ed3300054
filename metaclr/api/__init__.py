"""The Python entry points: the same reach as the shell's verbs."""

from metaclr.api.compare import Comparison, compare
from metaclr.api.evaluate import evaluate
from metaclr.api.objective import objective
from metaclr.api.train import train

__all__ = ["Comparison", "compare", "evaluate", "objective", "train"]
