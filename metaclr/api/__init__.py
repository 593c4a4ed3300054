"""The Python entry points: the same reach as the shell's verbs."""

from metaclr.api.comparing import Comparison, compare
from metaclr.api.evaluating import evaluate
from metaclr.api.objectives import objective
from metaclr.api.training import train

__all__ = ["Comparison", "compare", "evaluate", "objective", "train"]
