"""Long test files come first, so that no process of `pytest -n` waits a minute for the last one."""

from __future__ import annotations

import pytest

LONG = (
    "docs/test_contributing.py",
    "comparison/test_kill.py",
    "comparison/test_ranks.py",
    "benchmarks/test_scripts.py",
    "metaclr/test_machine_limits.py",
    "comparison/test_own_data.py",
    "comparison/test_compare.py",
    "docs/test_examples.py",
    "evaluation/test_few_shot.py",
    "bridge/test_gradients.py",
    "walk/test_walk.py",
    "benchmarks/test_few_shot_intervals.py",
    "walk/test_walk_launchers.py",
    "clusters/test_training_on_clusters.py",
    "cli/test_bench.py",
    "comparison/test_run_failures.py",
)
"""More than half a minute each on two cores, the longest first; `--no-loadscope-reorder` keeps this order."""


def pytest_collection_modifyitems(items: list[pytest.Item]) -> None:
    """Long files first; the others as they were."""

    def place(item: pytest.Item) -> int:
        path = item.path.as_posix()
        return next((number for number, end in enumerate(LONG) if path.endswith(end)), len(LONG))

    items.sort(key=place)
