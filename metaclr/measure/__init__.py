"""Measurements of speed and memory, for `metaclr bench` and the scripts of benchmarks/."""

from metaclr.measure.suite import measure_all
from metaclr.measure.workload import Workload

__all__ = ["Workload", "measure_all"]
