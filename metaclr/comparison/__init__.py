"""A comparison: planned whole before it starts, carried out cell by cell, written down."""

from metaclr.comparison.finish import carry_out
from metaclr.comparison.plan import Plan, plan

__all__ = ["Plan", "carry_out", "plan"]
