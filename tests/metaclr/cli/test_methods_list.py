"""`metaclr methods`: one line a method, by family, no wider than the terminal; filters; tables of many methods."""

from __future__ import annotations

import pytest
from click.testing import CliRunner

from metaclr.cli.methods import command, listing
from metaclr.errors import UserError
from metaclr.methods import get, names
from metaclr.methods.families import FAMILIES, grouped
from metaclr.methods.summaries import summaries
from metaclr.recipe import resolve


@pytest.mark.parametrize("width", [60, 80, 120])
def test_every_method_has_one_line_that_fits(width: int) -> None:
    lines = listing(width=width)
    assert all(len(line) <= max(width, 78) for line in lines)
    listed = [line.split()[0] for line in lines if line.startswith("  ")]
    assert sorted(listed) == sorted(names())


def test_every_shipped_method_has_a_family_that_its_file_says() -> None:
    found = {method.name: method.family for method in summaries()}
    assert all(family in FAMILIES for family in found.values()), found
    assert all(get(name).family == family for name, family in found.items())
    assert {name for name, family in found.items() if family == "control"} == {"untrained", "pixels"}


def test_filters() -> None:
    run = CliRunner().invoke
    given = run(command, ["--labels", "given"]).output
    none = run(command, ["list", "--labels", "none"]).output
    trained = {name for name in names() if get(name).trained}
    listed = [{line.split()[0] for line in text.splitlines() if line.startswith("  ")} for text in (given, none)]
    assert listed[0] == {name for name in trained if get(name).labels == "given"}
    assert listed[1] == trained - listed[0]
    queue = [line.split()[0] for line in listing(family="queue") if line.startswith("  ")]
    assert queue == ["moco", "moco_v1", "moco_v3", "nnclr"]
    with pytest.raises(UserError, match="did you mean 'queue'"):
        listing(family="queu")


def test_groups_come_in_the_order_of_families_and_others_before_controls() -> None:
    families = {"untrained": "control", "mine": "", "moco": "queue", "simclr": "contrastive", "dcl": "contrastive"}
    assert [members for _, members in grouped(families, families)] == [
        ["simclr", "dcl"],
        ["moco"],
        ["mine"],
        ["untrained"],
    ]


def test_all_is_every_trained_method_once() -> None:
    recipe = resolve({"methods": ["all"]})
    trained = [name for name in names() if get(name).trained and get(name).family != "typed-pairs"]
    assert [method.name for method in recipe.methods] == trained
    assert len(trained) >= 65
    first = resolve({}, ["methods=simclr(temperature=0.1),all,byol"])
    assert first.methods[0].title == "simclr(temperature=0.1)"
    assert sum(m.name == "byol" for m in first.methods) == 1
