"""`metaclr methods`: every method says what it is, and two methods differ exactly where it is said that they do."""

from __future__ import annotations

import re
from dataclasses import replace
from itertools import combinations

import pytest
from click.testing import CliRunner

from metaclr.cli.methods import command
from metaclr.methods import describe, diff, get, names
from metaclr.methods.differences import settings, worded

CONTROLS = {name for name in names() if not get(name).trained}
OWN = {"supervised", "symmetric_protoclr"}  # nobody's paper


@pytest.mark.parametrize("name", names())
def test_show_prints_formula_reference_labels_and_every_setting(name: str) -> None:
    format_setting = CliRunner().invoke(command, ["show", name])
    assert format_setting.exit_code == 0
    lines = format_setting.output.splitlines()
    assert lines == describe(name)
    said = dict(line.split(": ", 1) for line in lines if re.match(r"(reference|formula|labels): ", line))
    assert ("formula" in said) == (name not in CONTROLS)
    assert said["reference"] == get(name).reference
    assert bool(re.search(r"(19|20)\d\d", said["reference"])) == (name not in CONTROLS | OWN)
    assert said["labels"].startswith("given;") == (get(name).labels == "given")
    for axis, value in settings(get(name)).items():
        assert any(re.fullmatch(rf" +{re.escape(axis)} +{re.escape(worded(axis, value))}", line) for line in lines), (
            axis
        )


def test_methods_that_train_on_labels() -> None:
    supervised = (
        "anil caml fomaml imaml l_spread l_spread_autoencoder maml matching metaoptnet metasgd nca npair protonet "
        "r2d2_classes relation reptile siamese snail supcon supcon_in supcon_spread supervised "
        "tabi triplet triplet_batch_hard"
    )
    assert {name for name in names() if "labels: given; it trains" in "\n".join(describe(name))} == {
        *supervised.split()
    }
    assert all(get(name).labels != "instance" for name in names() if get(name).way_type == "classes")
    on_clusters = {name for name in names() if "labels: none; it trains on clusters" in "\n".join(describe(name))}
    assert on_clusters == {name for name in names() if get(name).clusters is not None} >= {"cactus", "uflst"}


def test_a_difference_is_exactly_what_turns_one_method_into_the_other() -> None:
    for a, b in combinations(names(), 2):
        found = diff(a, b)
        assert found, (a, b)
        assert found == [(axis, left, right) for axis, right, left in sorted_like(found, diff(b, a))]
        mine, theirs = settings(get(a)), settings(get(b))
        changed = {axis: value for axis, value in mine.items() if axis not in {axis for axis, _, _ in found}}
        assert all(theirs[axis] == value for axis, value in changed.items())
        assert len(changed) + sum(right != "-" for _, _, right in found) == len(theirs)
        for axis, left, right in found:
            assert left == (worded(axis, mine[axis]) if axis in mine else "-")
            assert right == (worded(axis, theirs[axis]) if axis in theirs else "-")
            assert left != right


def sorted_like(one: list[tuple[str, str, str]], other: list[tuple[str, str, str]]) -> list[tuple[str, str, str]]:
    order = [axis for axis, _, _ in one]
    return sorted(other, key=lambda row: order.index(row[0]))


def test_settings_of_a_learner_are_shown_and_differ() -> None:
    slow = replace(get("maml"), defaults={**get("maml").defaults, "inner_lr": 0.1})
    assert diff("maml", slow) == [("inner_lr", "0.4", "0.1")]
    assert any(re.fullmatch(r" +inner_steps +1", line) for line in describe("maml"))


def test_controls_differ_in_their_encoder() -> None:
    assert diff("untrained", "pixels") == [("encoder", "-", "pixels")]


def test_show_and_diff_on_the_command_line() -> None:
    done = CliRunner().invoke(command, ["diff", "simclr", "infonce"])
    assert done.output.splitlines()[1].split() == ["roles", "leave_one_out", "swap"]
    assert "same settings" in CliRunner().invoke(command, ["diff", "simclr", "simclr"]).output
    listed = CliRunner().invoke(command, ["list"], terminal_width=300).output
    assert all(name in listed for name in names())
