"""Training tasks that fit a source: fewer ways, queries or shots where it is small, within the same budget of views."""

from __future__ import annotations

from collections.abc import Collection, Iterator
from dataclasses import dataclass

from torch import Tensor

from episodes import ImageSet, TaskShape
from metaclr.errors import UserError
from metaclr.methods import Method

MIN_SHARE = 0.5
"""Share of the classes that tasks must be able to draw on before queries and shots are reduced."""
MAX_NAMED = 5
"""Classes that a note names."""


@dataclass(frozen=True)
class Small:
    """What limits the tasks of a method on a source: `units` (classes or images), and how it is called."""

    units: int
    what: str


def fit_shape(
    method: Method, title: str, budget: int, source: ImageSet | None = None, given: Collection[str] = ()
) -> TaskShape:
    """The training tasks of a method on a source, which spend `budget` views in each step.

    Where the source has too few classes (or images, for instance ways), tasks have fewer ways and there are more of
    them, so that the views of a step stay the same; where its classes have too few images, tasks have fewer queries,
    then fewer shots. Classes of fewer than V images are left out of tasks.

    Args:
        title: the method's name in errors.
        source: None takes the method's own shape.
        given: settings of `way`, `shot`, `query` that the user set: they are kept, or refused.

    Raises:
        UserError: the budget is no multiple of the method's views, or the source cannot fill what was given, or has
            fewer than two classes or images to make a task of.
    """
    views = (method.way or 1) * method.v
    counts = _counts(method, source)
    if budget % views or budget < views:
        fits = budget - budget % views
        if method.way and "way" in given and budget % method.v == 0:
            most = method.way if source is None else min(method.way, _limit(source, counts, method.v).units)
            if works := _ways(method, budget // method.v, most):
                name = title.partition("(")[0]
                other = f", or train.batch_views={fits}" if fits else ""
                raise UserError(
                    f"{name}.way = {method.way}: {method.way} ways of {method.v} views do not divide "
                    f"train.batch_views = {budget}; set {name}.way={max(works)}{other}"
                )
        hint = f"; set train.batch_views={fits}" if fits else f"; set train.batch_views={views}"
        raise UserError(f"train.batch_views = {budget}: method {title!r} takes multiples of {views}{hint}")
    way = method.way or budget // method.v
    if source is None:
        return TaskShape(way, method.shot, method.query, budget // (way * method.v))
    shot, query = _per_way(method, title, budget, source, counts, given)
    v = shot + query
    way = method.way or budget // v
    small = _limit(source, counts, v)
    if way <= small.units:
        return TaskShape(way, shot, query, budget // (way * v))
    if "way" in given:
        least = max(_ways(method, budget // v, small.units), default=small.units)
        raise UserError(
            f"{title}.way = {way}: source {source.name!r} has {small.units} {small.what}; set {title}.way={least}"
        )
    way = max(_ways(method, budget // v, min(way, small.units)), default=min(way, small.units))
    if way < 2:
        raise UserError(
            f"method {title!r} needs 2 {small.what}, and source {source.name!r} has {small.units}; "
            "leave the method out, or give the source more images"
        )
    return TaskShape(way, shot, query, max(1, budget // (way * v)))


def notes(title: str, method: Method, shape: TaskShape, budget: int, source: ImageSet) -> Iterator[tuple[str, str]]:
    """How a method's tasks on a source differ from its own, as pairs of the method's title and the text."""
    own = fit_shape(method, title, budget)
    counts = _counts(method, source)
    small = _limit(source, counts, shape.views)
    if (shape.way, shape.tasks) != (own.way, own.tasks) and shape.way != own.way:
        tasks = f"{shape.tasks} tasks of {shape.way} ways a step instead of {own.tasks} of {own.way}"
        yield title, f"{tasks}, because {source.name} has {small.units} {small.what}"
    if (shape.shot, shape.query) != (own.shot, own.query):
        less = f"{shape.shot} shot and {shape.query} query images a way instead of {own.shot} and {own.query}"
        yield title, f"{less}, because classes of {source.name} are small"
    spent = shape.tasks * shape.way * shape.views
    if spent != budget:
        yield (
            title,
            f"{spent} of the {budget} views of a step, which no number of tasks on {source.name} spends exactly",
        )
    if counts is not None and len(left := (counts < shape.views).nonzero().flatten()):
        yield title, f"tasks without {name_classes(source, left)}: fewer than {shape.views} images"


def name_classes(images: ImageSet, classes: Tensor) -> str:
    """The first classes of int64 `classes` (n,) by name, with their numbers of images, and how many more there are.

    >>> import torch
    >>> labels = torch.tensor([0, 1, 1])
    >>> name_classes(ImageSet(torch.zeros(3, 1, 4, 4, dtype=torch.uint8), labels, ("cat", "dog")), torch.tensor([0]))
    "'cat' (1)"
    """
    counts = images.class_counts()
    named = [f"{images.class_name(c)!r} ({int(counts[c])})" for c in classes.tolist()]
    more = f" and {len(named) - MAX_NAMED} more classes" if len(named) > MAX_NAMED else ""
    return ", ".join(named[:MAX_NAMED]) + more


def _counts(method: Method, source: ImageSet | None) -> Tensor | None:
    """Images of each class int64 (classes,) where the ways are classes; of clusters nothing is known beforehand."""
    by_class = source is not None and method.way_type == "classes" and method.labels != "cluster"
    return source.class_counts() if source is not None and by_class else None


def _limit(source: ImageSet, counts: Tensor | None, v: int) -> Small:
    if counts is None:
        return Small(len(source), "images")
    large = int((counts >= v).sum())
    return Small(large, "classes" if large == len(counts) else f"classes of at least {v} images")


def _per_way(
    method: Method, title: str, budget: int, source: ImageSet, counts: Tensor | None, given: Collection[str]
) -> tuple[int, int]:
    """Shot and query of class ways: the method's, or the largest that enough classes can fill and divide the budget."""
    if counts is None:
        return method.shot, method.query
    shots = [method.shot] if "shot" in given else range(method.shot, 0, -1)
    queries = [method.query] if "query" in given else range(method.query, 0, -1)
    fits = [
        (shot, query, int((counts >= shot + query).sum()))
        for shot in shots
        for query in queries
        if budget % (shot + query) == 0
    ]
    wanted = (method.way or 2) if "way" in given else max(2, round(MIN_SHARE * len(counts)))
    for shot, query, classes in fits:
        if classes >= wanted:
            return shot, query
    possible = [(shot, query) for shot, query, classes in fits if classes >= 2]
    if possible:
        return possible[-1]
    shot, query = shots[-1], queries[-1]
    large = int((counts >= shot + query).sum())
    limits = ", ".join(f"{title}.{name} = {getattr(method, name)}" for name in ("shot", "query") if name in given)
    largest = int(counts.max())
    hint = f"; set fewer, such as {title}.query=1" if limits and largest > 1 else ""
    raise UserError(
        f"method {title!r} needs 2 classes of {shot + query} images{f' ({limits})' if limits else ''}, and source "
        f"{source.name!r} has {large}{hint}"
    )


def _ways(method: Method, ways: int, most: int) -> list[int]:
    """Numbers of ways up to `most` that divide the ways of a step and that the objective can split into its tasks."""
    tasks = getattr(method.objective, "tasks", None)
    parts, least = getattr(tasks, "parts", 1), max(2, getattr(tasks, "way", 1))
    return [way for way in range(least, most + 1) if ways % way == 0 and way % parts == 0]
