"""What a reader wants to know of an image set, in lines; and the few-shot tasks that it can give."""

from __future__ import annotations

from collections import Counter
from collections.abc import Sequence

import torch

from episodes import ImageSet
from metaclr.data.image_attributes import CAPTION
from metaclr.wording import some

WAYS, SHOTS, QUERIES = (5, 20), (1, 5), 15
"""Of a comparison, by default."""

_WIDTH = 15


def summary(image_set: ImageSet) -> list[str]:
    """Size, classes, images a class, parts, groups, notes, tasks that fit, fingerprint: one line each."""
    height, width = image_set.size
    color = "gray" if image_set.channels == 1 else "color"
    classes = f"{image_set.classes:,} classes" if image_set.labels is not None else "no labels"
    lines = [f"{image_set.name}: {len(image_set):,} {color} images {height} x {width}, {classes}"]
    if image_set.labels is not None:
        lines.append(_line("per class", per_class(image_set)))
    if image_set.class_names:
        lines.append(_line("classes", some(image_set.class_names, 8)))
    if image_set.split:
        lines.append(_line("parts", _counted(image_set.split, "images")))
        lines += _parts_of_classes(image_set)
    if image_set.groups:
        lines.append(_line("groups", _counted(image_set.groups, "classes")))
    for name, values in image_set.attributes.items():
        if name == CAPTION:
            count = sum(len(text.split("\n")) for text in values if text)
            lines.append(_line("captions", f"{count:,} of {sum(map(bool, values)):,} images"))
        else:
            lines.append(_line(name[: _WIDTH - 1], _counted(values, "images")))
    for note in image_set.notes:
        topic, _, text = note.partition(": ")
        lines.append(_line(topic, text))
    lines += [_line("comparison", text) for text in fitting_tasks(image_set)]
    return [*lines, _line("fingerprint", image_set.fingerprint())]


def per_class(image_set: ImageSet) -> str:
    """ "3 (owl) to 40 (wren) images, median 12"."""
    counts = image_set.class_counts()
    least, most = int(counts.argmin()), int(counts.argmax())
    if int(counts[least]) == int(counts[most]):
        return f"{int(counts[least]):,} images each"
    return (
        f"{int(counts[least]):,} ({image_set.class_name(least)}) to {int(counts[most]):,}"
        f" ({image_set.class_name(most)}) images, median {int(counts.median()):,}"
    )


def fitting_tasks(image_set: ImageSet) -> list[str]:
    """What a comparison can make of the set: the few-shot tasks that fit, and what the probes are fitted on."""
    if image_set.labels is None:
        captioned = "retrieval alone" if CAPTION in image_set.attributes else "nothing"
        return [f"trains methods that need no labels; {captioned} can be measured on it"]
    counts = image_set.class_counts()
    lines = []
    for way in WAYS:
        tasks = [_task(counts, way, shot) for shot in SHOTS]
        lines.append(f"{way}-way: {'; '.join(tasks)}")
    if image_set.classes < min(WAYS):
        lines.insert(0, f"{image_set.classes}-way: {'; '.join(_task(counts, image_set.classes, s) for s in SHOTS)}")
    return lines


def fitting_queries(counts: torch.Tensor, way: int, shot: int) -> int:
    """The most queries a class, up to 15, of tasks of `way` classes; 0 if there are none. counts: (classes,)."""
    if way > len(counts):
        return 0
    return max(0, min(QUERIES, int(counts.sort(descending=True).values[way - 1]) - shot))


def _task(counts: torch.Tensor, way: int, shot: int) -> str:
    queries = fitting_queries(counts, way, shot)
    if not queries:
        fewer = f"{len(counts)} classes" if way > len(counts) else f"too few classes of {shot + 1} images"
        return f"no {shot}-shot ({fewer})"
    enough = int((counts >= shot + queries).sum())
    without = len(counts) - enough
    rest = f", without {without:,} smaller classes" if without else ""
    return f"{shot}-shot with {queries} queries{rest}"


def _parts_of_classes(image_set: ImageSet) -> list[str]:
    """A line where the parts do not hold the same classes."""
    if image_set.labels is None:
        return []
    held: dict[str, set[int]] = {}
    for part, label in zip(image_set.split, image_set.required_labels().tolist(), strict=True):
        held.setdefault(part, set()).add(label)
    if len({frozenset(classes) for classes in held.values()}) < 2:
        return []
    shared = set.intersection(*held.values())
    counts = ", ".join(f"{part} {len(classes):,}" for part, classes in held.items())
    return [_line("", f"classes: {counts}; {len(shared):,} in all of them")]


def _line(topic: str, text: str) -> str:
    return f"{topic:<{_WIDTH}}{text}"


def _counted(names: Sequence[str], unit: str) -> str:
    """ "Latin 640, Greek 320 and 12 more (classes)"."""
    counts = Counter(names).most_common()
    some = ", ".join(f"{name} {count:,}" for name, count in counts[:8])
    return f"{some}{f' and {len(counts) - 8} more' if len(counts) > 8 else ''} ({unit})"
