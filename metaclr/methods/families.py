"""The families of methods: the groups of `metaclr methods` and of tables of many methods."""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from types import MappingProxyType

FAMILIES: Mapping[str, str] = MappingProxyType(
    {
        "contrastive": "Contrastive: positives against negatives, without labels",
        "queue": "Momentum encoders and queues of past embeddings",
        "predictive": "Predicting another view, without negatives",
        "decorrelation": "Statistics of embeddings in place of negatives",
        "cluster": "Clusters and prototypes in place of labels",
        "unsupervised-few-shot": "Few-shot tasks made of unlabelled images",
        "few-shot": "Few-shot tasks of labelled classes",
        "metric": "Metric learning on labelled pairs and triplets",
        "supervised": "Supervised and supervised contrastive",
        "typed-pairs": "Images and texts of typed entities",
        "control": "Controls, which are not trained",
    }
)
"""Name of a family (`Method.family`) -> its heading, in the order of lists and tables."""

OTHER = "Others"
"""Heading of methods without a family."""


def heading(family: str) -> str:
    """The heading of a family; that of the others for a name that is none.

    >>> heading("queue")
    'Momentum encoders and queues of past embeddings'
    """
    return FAMILIES.get(family, OTHER)


def place(family: str) -> int:
    """Rank of a family in lists: the others come before the controls."""
    names = [*list(FAMILIES)[:-1], "", "control"]
    return names.index(family) if family in names else names.index("")


def grouped(families: Mapping[str, str], titles: Iterable[str]) -> list[tuple[str, list[str]]]:
    """Titles by family, (heading, titles) each, families in their order and titles as they come.

    >>> grouped({"simclr": "contrastive", "moco": "queue"}, ["moco", "mine", "simclr"])[-1]
    ('Others', ['mine'])
    """
    found: dict[str, list[str]] = {}
    for title in sorted(titles, key=lambda title: place(families.get(title, ""))):
        found.setdefault(heading(families.get(title, "")), []).append(title)
    return list(found.items())
