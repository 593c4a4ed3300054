"""A comparison: checked whole before it starts, executed run by run, written to one folder."""

from metaclr.comparison.execute import execute
from metaclr.comparison.plan import Plan, plan

__all__ = ["Plan", "execute", "plan"]
