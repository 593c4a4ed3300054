"""The import graph is what docs/architecture.md says: one direction, no circle, and special code behind few doors."""

import ast
from collections.abc import Iterator
from pathlib import Path

ROOT = Path(__file__).parents[2]

FLOORS = [
    "episodes", "data", "networks", "text", "heads", "clusters", "diagnose", "bridge", "positives", "meta", "methods",
    "engine", "adaptation", "evaluation", "inference", "results", "comparison", "walk", "api", "cli",
]  # fmt: skip
"""From the ground up; an import that is executed at module level must not lead upwards."""

INNER_FLOORS = {
    "comparison": ["settings", "labels", "runs", "folders", "planning", "launching", "live"],
    "data": ["drawn", "tree", "pixels", "lists", "folders", "arrays", "published", "described"],
}
"""The same within the two largest rooms; modules of `data` beside these are for all of them."""

ALLOWED_UPWARDS: set[tuple[str, str]] = set()

DOORS = {
    "metaclr.engine.cuda_graph": {"metaclr.engine.train", "metaclr.measure.training"},
    "metaclr.networks.fast_conv4": {"metaclr.networks.block"},
}
"""Packages of special code: the only modules outside that may import them."""


def modules() -> dict[str, Path]:
    found = {}
    for package in ("metaclr", "episodes"):
        for path in (ROOT / package).rglob("*.py"):
            name = ".".join(path.relative_to(ROOT).with_suffix("").parts)
            found[name.removesuffix(".__init__")] = path
    return found


def _statements(body: list[ast.stmt]) -> Iterator[ast.stmt]:
    """Every statement, those inside functions too; blocks under TYPE_CHECKING are left out."""
    for node in body:
        if isinstance(node, ast.If) and "TYPE_CHECKING" in ast.dump(node.test):
            continue
        yield node
        for name in ("body", "orelse", "finalbody"):
            inner = getattr(node, name, None)
            if isinstance(inner, list):
                yield from _statements(inner)
        for handler in getattr(node, "handlers", []):
            yield from _statements(handler.body)


def graph() -> dict[str, set[str]]:
    known = modules()
    edges: dict[str, set[str]] = {name: set() for name in known}
    for name, path in known.items():
        for node in _statements(ast.parse(path.read_text(encoding="utf-8")).body):
            if isinstance(node, ast.ImportFrom) and node.module:
                for alias in node.names:
                    full = f"{node.module}.{alias.name}"
                    edges[name] |= {full if full in known else node.module} & set(known)
            elif isinstance(node, ast.Import):
                edges[name] |= {alias.name for alias in node.names} & set(known)
        edges[name].discard(name)
    return edges


def test_there_is_no_import_circle() -> None:
    edges, done, path = graph(), set(), []

    def visit(name: str) -> None:
        assert name not in path, " -> ".join([*path[path.index(name) :], name])
        if name in done:
            return
        path.append(name)
        for target in sorted(edges[name]):
            visit(target)
        path.pop()
        done.add(name)

    for name in edges:
        visit(name)


def test_no_room_imports_a_higher_one() -> None:
    def floor(module: str) -> int | None:
        parts = module.split(".")
        room = parts[0] if parts[0] == "episodes" else parts[1] if len(parts) > 1 else ""
        return FLOORS.index(room) if room in FLOORS else None

    wrong = [
        (one, other)
        for one, others in graph().items()
        for other in others
        if floor(one) is not None and floor(other) is not None and floor(other) > floor(one)  # type: ignore[operator]
    ]
    assert set(wrong) <= ALLOWED_UPWARDS


def test_no_inner_room_imports_a_higher_one() -> None:
    for room, floors in INNER_FLOORS.items():
        packages = {path.parent.name for path in (ROOT / "metaclr" / room).glob("*/__init__.py")}
        assert packages - {"sets"} == set(floors)

        def floor(module: str, room: str = room, floors: list[str] = floors) -> int | None:
            parts = module.split(".")
            return floors.index(parts[2]) if parts[1:2] == [room] and parts[2:3] and parts[2] in floors else None

        heights = {module: floor(module) for module in graph()}
        wrong = [
            (one, other)
            for one, others in graph().items()
            for other in others
            if (low := heights[one]) is not None and (high := heights[other]) is not None and high > low
        ]
        assert wrong == []


def test_special_code_is_entered_through_its_doors() -> None:
    for package, doors in DOORS.items():
        users = {
            one
            for one, others in graph().items()
            for other in others
            if other.startswith(package) and not one.startswith(package)
        }
        assert users <= doors, package


def test_no_file_is_longer_than_400_lines() -> None:
    lengths = {name: len(path.read_text(encoding="utf-8").splitlines()) for name, path in modules().items()}
    assert max(lengths.values()) <= 400, max(lengths, key=lengths.__getitem__)
