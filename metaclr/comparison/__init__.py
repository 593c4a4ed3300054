"""A comparison: checked whole before it starts, executed run by run, written to one folder."""

from metaclr.comparison.launching.execute import execute
from metaclr.comparison.planning.plan import Plan, plan

__all__ = ["Plan", "execute", "plan"]
