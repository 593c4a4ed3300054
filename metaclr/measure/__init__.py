"""How fast the parts are on this machine: what `metaclr bench` prints, and what benchmarks/ are timed with."""

from metaclr.measure.suite import measure_all
from metaclr.measure.workload import Workload

__all__ = ["Workload", "measure_all"]
