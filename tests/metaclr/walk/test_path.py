"""The path between two methods: exact ends, one axis a step, every step possible, merges only where they must be."""

from dataclasses import fields
from functools import cache
from itertools import permutations

import pytest
from hypothesis import assume, given, settings
from hypothesis import strategies as st

from metaclr import methods
from metaclr.bridge import (
    Decoupled,
    HardWeighted,
    Objective,
    Pairs,
    Prototypes,
    Queue,
    Resample,
    Ridge,
    Tasks,
    cosine,
    cross_entropy,
    decoupled,
    dot,
    in_batch,
    instance,
    leave_one_out,
    one_task,
    raw,
    split,
    squared_euclidean,
    swap,
    unit_norm,
)
from metaclr.bridge import given as given_labels
from metaclr.errors import UserError
from metaclr.methods import Method, diff, get
from metaclr.methods.differences import FED
from metaclr.walk import Path, find_path
from metaclr.walk.axis_changes import ORDER, between, changes_between, on_the_bridge
from metaclr.walk.feasibility import Budget, infeasible_reason

HELD = {"views", "support_views"}


def check(path: Path, a: Method, b: Method, budget: Budget) -> None:
    """What every walk must be."""
    assert path.start is a
    assert path.end is b
    held = {change.axis for change in path.held}
    for number, (before, step) in enumerate(zip(path.methods, path.steps, strict=False), start=1):
        found = {axis: (old, new) for axis, old, new in diff(before, step.method)}
        changed = {change.axis: (change.before, change.after) for change in step.changes}
        also = held if number == len(path.steps) else set()
        assert {axis: found[axis] for axis in found if axis not in also} == changed
        assert also <= found.keys()
        assert infeasible_reason(step.method, budget) == "" or step.method is b
        assert (len(step.changes) > 1) == bool(step.why)
    moved = [change.axis for step in path.steps for change in step.changes]
    assert sorted([*moved, *held]) == sorted(axis for axis, _, _ in diff(a, b))


@pytest.mark.parametrize("own", [False, True])
def test_every_pair_of_shipped_methods(own: bool) -> None:
    budget = Budget(per_method_views=own)
    shipped = [get(name) for name in on_the_bridge()]
    assert len(shipped) > 25
    walks = 0
    for a in shipped:
        for b in shipped:
            if a is not b:
                check(find_path(a, b, budget=budget), a, b, budget)
                walks += 1
    assert walks == len(shipped) * (len(shipped) - 1)


axis_names = {field.name for field in fields(Objective)}
axis_values = st.fixed_dictionaries(
    {
        "labels": st.sampled_from([instance, given_labels]),
        "roles": st.sampled_from([leave_one_out, split, swap]),
        "tasks": st.sampled_from([one_task, Tasks(4), Resample(8, 5)]),
        "embedding": st.sampled_from([raw, unit_norm]),
        "head": st.sampled_from([Pairs(dot), Prototypes(squared_euclidean), Prototypes(cosine), Ridge()]),
        "temperature": st.sampled_from([0.1, 0.5, 1.0]),
        "negatives": st.sampled_from([in_batch, Queue(64)]),
        "denominator": st.sampled_from([cross_entropy, decoupled, Decoupled(0.5), HardWeighted()]),
    }
)
fed_values = st.fixed_dictionaries(
    {
        "way_type": st.sampled_from(["instances", "classes"]),
        "shot": st.integers(1, 4),
        "query": st.integers(1, 4),
        "way": st.sampled_from([None, 8, 16]),
        "projector": st.sampled_from(["mlp", "none"]),
        "momentum": st.sampled_from([None, 0.99]),
        "momentum_schedule": st.sampled_from(["constant", "cosine"]),
        "views": st.sampled_from(["", "identity", "gentle"]),
        "task_transform": st.sampled_from(["", "quarter_turns"]),
    }
)


@st.composite
def ends(draw: st.DrawFn) -> Method:
    """SimCLR with any settings, drawn one after the other; one that cannot be trained is left as it was."""
    axes: dict[str, object] = {}
    fed: dict[str, object] = {}
    method = get("simclr")
    drawn = draw(axis_values) | draw(fed_values)
    for name in draw(st.permutations(sorted(drawn))):
        of_loss = name in axis_names
        tried = (axes | {name: drawn[name]}, fed) if of_loss else (axes, fed | {name: drawn[name]})
        try:
            sees = tried[0].get("labels") is given_labels or tried[1].get("way_type") == "classes"
            found = Method("mine", "", Objective(**tried[0]), labels="given" if sees else "instance", **tried[1])
        except UserError:
            continue
        if not any(infeasible_reason(found, Budget(per_method_views=own)) for own in (False, True)):
            method, (axes, fed) = found, tried
    return method


@given(a=ends(), b=ends(), own=st.booleans(), prefer=st.permutations(ORDER))
@settings(max_examples=60, deadline=None)
def test_any_two_points_of_the_bridge(a: Method, b: Method, own: bool, prefer: list[str]) -> None:
    budget = Budget(per_method_views=own)
    assume({axis for axis, _, _ in diff(a, b)} - (set() if own else HELD))
    check(find_path(a, b, budget=budget, prefer=prefer), a, b, budget)


@pytest.mark.parametrize(
    ("a", "b"),
    [("simclr", "protoclr"), ("moco", "r2d2"), ("relation", "protonet"), ("simclr", "matching"), ("hcl", "nca")],
)
def test_axes_move_together_only_where_no_order_of_single_axes_is_possible(a: str, b: str) -> None:
    first, last = get(a), get(b)
    axes = [axis for axis in changes_between(first, last) if axis not in HELD]
    assert len(axes) <= 8

    @cache
    def possible(moved: frozenset[str]) -> bool:
        try:
            return moved >= set(axes) or not infeasible_reason(between(first, last, moved), Budget())
        except UserError:
            return False

    single = any(all(possible(frozenset(order[:n])) for n in range(1, len(order))) for order in permutations(axes))
    merged = any(len(step.changes) > 1 for step in find_path(first, last).steps)
    assert merged != single


def test_simclr_to_protonet_by_default() -> None:
    steps = find_path(get("simclr"), get("protonet")).steps
    assert [step.axes for step in steps] == [
        (axis,) for axis in ("labels", "way_type", "roles", "query", "projector", "head", "embedding", "temperature")
    ]
    assert diff(steps[0].method, "supcon") == [("temperature", "0.2", "0.1")]
    seen = [step.method.labels for step in steps]
    assert seen == ["given"] * len(seen)


def test_shot_and_query_move_together_where_three_views_do_not_fill_the_batch() -> None:
    (merged,) = [step for step in find_path(get("simclr"), get("matching")).steps if step.why]
    assert merged.axes == ("shot", "query")
    assert "3 views per way do not divide the budget of 256" in merged.why
    fits = find_path(get("simclr"), get("matching"), budget=Budget(192))
    assert not any(step.why for step in fits.steps)


def test_copies_of_an_image_are_never_a_step_where_each_method_has_its_own_views() -> None:
    path = find_path(get("protonet"), get("simclr"), budget=Budget(per_method_views=True))
    order = [axis for step in path.steps for axis in step.axes]
    assert order.index("views") < order.index("way_type")


def test_an_order_is_followed_and_completed() -> None:
    steps = find_path(get("simclr"), get("protonet"), order=("roles", "embedding")).steps
    assert [step.axes for step in steps[:2]] == [("roles",), ("embedding",)]
    assert len(steps) == 8
    together = find_path(get("simclr"), get("protonet"), order=("head + embedding",)).steps[0]
    assert together.axes == ("head", "embedding")
    assert together.why == "grouped in the given order"


@pytest.mark.parametrize(
    ("a", "b", "order", "says"),
    [
        ("simclr", "byol", (), "'byol' is not on the bridge: its loss is WithPredictor"),
        ("l_spread", "simclr", (), "its loss is WeightedSum"),
        ("simclr", "maml", (), "uses a custom learner"),
        ("untrained", "simclr", (), "is a control"),
        ("simclr", "simclr", (), "nothing to walk"),
        ("simclr", "protonet", ("rols",), "did you mean 'roles'"),
        ("simclr", "protonet", ("tasks",), "do not differ in tasks; they differ in labels"),
        ("simclr", "protonet", ("views",), "use --views-mode per-method to make it an axis"),
        ("simclr", "protonet", ("roles", "roles"), "order names 'roles' twice"),
        ("simclr", "r2d2", ("head",), "head first cannot be trained: leave_one_out does not go with Ridge"),
        ("simclr", "protonet", ("labels", "head"), "head after labels cannot be trained: a head with one column"),
        ("moco", "simclr", ("roles",), "a queue holds support rows"),
    ],
)
def test_what_is_not_possible_is_refused_with_the_reason(a: str, b: str, order: tuple[str, ...], says: str) -> None:
    with pytest.raises(UserError, match=r"^[^\n]*$") as refused:
        find_path(get(a), get(b), order=order)
    assert says in str(refused.value)


def test_methods_that_differ_in_views_alone() -> None:
    a = get("simclr")
    b = Method(a.summary, a.reference, a.objective, views="identity")
    with pytest.raises(UserError, match="--views-mode per-method"):
        find_path(a, b)


def test_all_shipped_methods_are_on_or_off_the_bridge() -> None:
    for name in methods.names():
        try:
            changes_between(get(name), get("simclr"))
            on = True
        except UserError:
            on = False
        assert on == (name in on_the_bridge())


def test_every_setting_of_a_method_is_an_axis_that_can_move() -> None:
    never = {"learner", "trained"}  # methods that differ in these are off the bridge
    assert set(ORDER) == ({field.name for field in fields(Objective)} | set(FED)) - never
