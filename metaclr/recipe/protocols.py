"""Published protocols by name: which data, episodes, queries and evaluators a benchmark's numbers are made with."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from typing import Any

from metaclr.errors import UserError, unknown


@dataclass(frozen=True)
class Protocol:
    """A protocol fixes the `evaluate` table of a recipe, and names the data where the command does not.

    about: a line for tables; reference: who defined it. evaluate: the whole table, defaults for what it leaves out.
    size, channels: of the images; 0 for the source's. differs: how our defaults differ from the publication.
    """

    name: str
    about: str
    reference: str
    sources: tuple[str, ...]
    targets: tuple[str, ...]
    evaluate: Mapping[str, Any]
    size: int = 0
    channels: int = 0
    views: str = ""
    data: Mapping[str, Any] = field(default_factory=dict)
    differs: str = ""

    @property
    def line(self) -> str:
        """For tables and lists."""
        differs = f"; differs: {self.differs}" if self.differs else ""
        return f"{self.name}, {self.about} ({self.reference}){differs}"


_NO_PROBES: dict[str, Any] = {"linear": False, "knn": False, "low_label": False}
_HEADS = ["method", "cosine"]


def _few(ways: Sequence[int], shots: Sequence[int], query: int, episodes: int) -> dict[str, Any]:
    few = {"ways": list(ways), "shots": list(shots), "query": query, "episodes": episodes, "heads": _HEADS}
    return {**_NO_PROBES, "few_shot": few}


PROTOCOLS = {
    one.name: one
    for one in (
        Protocol(
            "omniglot-vinyals", "5 and 20 ways, 1 and 5 shots, 15 queries, 2,000 episodes, quarter turns as classes",
            "Vinyals et al. 2016, arXiv:1606.04080", ("omniglot:train+val",), ("omniglot:test",),
            _few((5, 20), (1, 5), 15, 2000), 28, 1, "omniglot", {"turned": True},
            differs="1,000 episodes are usual",
        ),
        Protocol(
            "mini-5way", "5 ways, 1 and 5 shots, 15 queries, 2,000 episodes, 84 pixels",
            "Ravi and Larochelle 2017", ("mini_imagenet:train",), ("mini_imagenet:test",),
            _few((5,), (1, 5), 15, 2000), 84, 3, differs="600 episodes are usual",
        ),
        Protocol(
            "bscd-fsl", "trained on miniImageNet alone; 5 ways, 5, 20 and 50 shots, 15 queries, 600 tasks",
            "Guo et al. 2020, arXiv:1912.07200", ("mini_imagenet:train",), ("cropdisease", "eurosat", "isic", "chestx"),
            _few((5,), (5, 20, 50), 15, 600), 224, 3,
        ),
        Protocol(
            "meta-dataset", "tasks of 5 to 50 ways, up to 500 support images in all, 600 of them a target",
            "Triantafillou et al. 2020, arXiv:1903.03096", ("meta_dataset/ilsvrc_2012:train",),
            tuple(f"meta_dataset/{name}:test" for name in (
                "ilsvrc_2012", "aircraft", "cu_birds", "dtd", "quickdraw", "fungi", "vgg_flower", "traffic_sign",
                "mscoco",
            )),
            {**_NO_PROBES, "few_shot": False, "more": {"meta-dataset": {"episodes": 600}}}, 84, 3,
            differs="classes of a task are drawn evenly, not by WordNet and alphabets; images of 84 pixels",
        ),
        Protocol(
            "human", "the 20 official runs: 20 ways within an alphabet, 1 shot, 20 queries a run",
            "Lake et al. 2015, github.com/brendenlake/omniglot", ("omniglot:train+val",), ("omniglot_one_shot",),
            _few((20,), (1,), 1, 20), 28, 1, "omniglot", {"turned": True},
        ),
        Protocol(
            "low-label-1-10", "1 % and 10 % of the labels, a probe on frozen features and fine-tuning of all weights",
            "Chen et al. 2020, arXiv:2002.05709", ("cifar10:train",), ("cifar10",),
            {"few_shot": False, "linear": False, "knn": False,
             "low_label": {"fractions": [0.01, 0.1], "per_class": [], "modes": ["frozen", "finetune"]}},
            differs="our fine-tuning takes 60 steps of Adam; theirs 60 epochs of LARS",
        ),
        Protocol(
            "linear-probe", "a linear classifier on frozen features with all labels, and k-nearest neighbors",
            "Chen et al. 2020, arXiv:2002.05709; kNN: Wu et al. 2018", ("cifar10:train",), ("cifar10",),
            {"few_shot": False, "linear": True, "knn": True, "low_label": False},
            differs="the classifier is fitted to its optimum, its penalty chosen on held-out images; theirs by SGD",
        ),
    )
}  # fmt: skip
"""All protocols by name. People's error of 4.5 % on the official runs is not printed: no source that we could read."""


def get_protocol(name: str) -> Protocol:
    """A protocol by name. Raises UserError for an unknown one, with the nearest."""
    if name not in PROTOCOLS:
        raise unknown("protocol", name, PROTOCOLS)
    return PROTOCOLS[name]


def with_protocol(
    tables: Mapping[str, Any], name: str, overrides: Sequence[str], *, given: Sequence[str] = ()
) -> dict[str, Any]:
    """A recipe's tables under a protocol: its `evaluate` table, its data and image format, and its name.

    Args:
        overrides: the command's KEY=VALUE lines; those of `evaluate` are refused, for the protocol fixes them.
        given: keys that the command itself says ("sources", "targets"), which hold.

    Raises:
        UserError: an unknown protocol, or an override of what it fixes.
    """
    protocol = get_protocol(name)
    for line in overrides:
        key = line.partition("=")[0].strip()
        if key.split(".")[0] == "evaluate":
            raise UserError(f"--set {line}: --protocol {name} fixes the evaluation; leave out one of the two")
    named = {line.partition("=")[0].strip().split(".")[0] for line in overrides} | set(given)
    changed = dict(tables) | {"evaluate": dict(protocol.evaluate), "protocol": name}
    for key, value in (("sources", protocol.sources), ("targets", protocol.targets)):
        if key not in named:
            changed[key] = list(value)
    if "sources" not in named:
        for key, own in {"size": protocol.size, "channels": protocol.channels, "views": protocol.views}.items():
            if key not in named:
                changed.pop(key, None)
                changed |= {key: own} if own else {}
        changed["data"] = {**changed.get("data", {}), **protocol.data}
    few = ["ways", "shots", "query"] if protocol.evaluate.get("few_shot") else []
    fixed = [f"evaluate.few_shot.{key}" for key in few] + [key for key in ("size", "channels", "views") if key in named]
    changed["fixed"] = fixed
    return changed
