"""False stars of a table on shuffled labels: the script counts as it says, and its committed figures keep the level."""

from __future__ import annotations

import json
import sys
from importlib import import_module
from pathlib import Path
from types import ModuleType

import pytest

ROOT = Path(__file__).parents[2]
COMMITTED = ROOT / "results" / "benchmarks" / "few_shot_intervals" / "table_stars.json"


@pytest.fixture
def script(monkeypatch: pytest.MonkeyPatch) -> ModuleType:
    monkeypatch.syspath_prepend(str(ROOT / "benchmarks"))
    for name in ("few_shot_intervals", "table_stars"):
        monkeypatch.delitem(sys.modules, name, raising=False)
    return import_module("table_stars")


def test_stars_are_counted_by_three_rules(script: ModuleType) -> None:
    """Two columns of two tests: 0.02 and 0.03 are stars; by columns 0.02 alone (twice 0.02), of all four neither."""
    found = script.stars([[0.02, 0.5], [0.03, 0.4]])
    assert dict(found) == {script.RULES[0]: 0.5, script.RULES[1]: 0.25, script.RULES[2]: 0.0}
    rows = script.summary([found, dict.fromkeys(script.RULES, 0.0)], 4)
    assert [row["tests_with_a_star"] for row in rows] == [25.0, 12.5, 0.0]
    assert [row["tables_with_a_star"] for row in rows] == [50.0, 50.0, 0.0]
    assert [row["most_in_one_table"] for row in rows] == [50.0, 25.0, 0.0]


def test_the_committed_tables_keep_the_level(script: ModuleType) -> None:
    none, column, target = json.loads(COMMITTED.read_text())["rows"]
    assert [row["rule"] for row in (none, column, target)] == list(script.RULES)
    assert none["tests_with_a_star"] <= 5  # a single test
    assert target["tables_with_a_star"] <= 5  # a whole table, by the rule that metaclr uses
    assert column["tables_with_a_star"] > 5  # why it does not correct within columns alone
