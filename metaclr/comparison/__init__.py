"""A comparison: planned whole before it starts, carried out run by run, written down."""

from metaclr.comparison.execute import execute
from metaclr.comparison.plan import Plan, plan

__all__ = ["Plan", "execute", "plan"]
