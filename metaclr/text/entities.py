"""Entities with types, and mentions of them, as texts: from two tables, or characters and parts of their names."""

from __future__ import annotations

import re
import unicodedata
from collections import Counter
from dataclasses import dataclass
from pathlib import Path

import torch
from torch import Tensor

from episodes import random
from metaclr.data.lists.list_tables import read_table
from metaclr.errors import UserError

SCRIPTS = ("LATIN", "GREEK", "CYRILLIC", "ARMENIAN", "HEBREW", "ARABIC", "DEVANAGARI", "BENGALI", "TAMIL", "GEORGIAN")
MOST_MENTIONS = 12
TESTED = 0.2
"""Share of the mentions that are tested on, where a table has no column for it."""


@dataclass(frozen=True, eq=False)
class Entities:
    """names, texts, types: one an entity. mentions: texts; of int64 (M,): the entity of each; tested bool (M,)."""

    names: tuple[str, ...]
    texts: tuple[str, ...]
    types: tuple[str, ...]
    mentions: tuple[str, ...]
    of: Tensor
    tested: Tensor
    about: str

    @property
    def counts(self) -> Tensor:
        """Mentions of each entity that are trained on, int64 (E,)."""
        return torch.bincount(self.of[~self.tested], minlength=len(self.names))

    @property
    def type_numbers(self) -> Tensor:
        """The type of each entity, int64 (E,)."""
        kinds = sorted(set(self.types))
        return torch.tensor([kinds.index(kind) for kind in self.types])


def read_entities(entities: Path, mentions: Path) -> Entities:
    """Two tables (.csv, .tsv, .jsonl): `entity, text, type` and `text, entity`, with `split` (train, test) or without.

    Without `text` an entity's name is its text. Without `split` a fifth of the mentions is tested on, drawn with seed
    0.

    Raises:
        UserError: a missing column, an entity that is listed twice or not at all, or nothing to train or test on.
    """
    rows = _columns(entities, ("entity", "type"), ("text",))
    names = rows["entity"]
    if twice := next((name for name, times in Counter(names).items() if times > 1), None):
        raise UserError(f"{entities}: entity {twice!r} is listed twice")
    number = {name: i for i, name in enumerate(names)}
    found = _columns(mentions, ("text", "entity"), ("split",))
    for line, name in enumerate(found["entity"], 2):
        if name not in number:
            raise UserError(f"{mentions}: row {line}: entity {name!r} is not in {entities}")
    of = torch.tensor([number[name] for name in found["entity"]])
    split = found.get("split")
    if split is not None and (odd := sorted({*split} - {"train", "test"})):
        raise UserError(f"{mentions}: split {odd[0]!r}: must be train or test")
    tested = _drawn(len(of)) if split is None else torch.tensor([part == "test" for part in split])
    texts = rows.get("text", names)
    return _checked(Entities(tuple(names), tuple(texts), tuple(rows["type"]), tuple(found["text"]), of, tested,
                             f"{entities.name}, {mentions.name}"))  # fmt: skip


def character_entities(seed: int = 0) -> Entities:
    """Letters as entities, scripts as types; a mention is the name of a letter with some words left out.

    Common letters have up to 12 mentions, most have few. Names are those of this Python's Unicode data.
    """
    names = []
    for code in range(0x3000):
        name = unicodedata.name(chr(code), "")
        if name.split(" ")[0] in SCRIPTS and "LETTER" in name:
            names.append(name)
    items = torch.arange(len(names))
    skewed = random.uniform(random.key(seed, "mentions of a character"), items) ** 4
    counts = 2 + (skewed * (MOST_MENTIONS - 1)).long()
    mentions, of = [], []
    for i, name in enumerate(names):
        words = re.split(r"[ -]+", name)
        for j in range(int(counts[i])):
            draw = random.uniform(random.key(seed, "words of a mention", j), torch.arange(len(words)) + 32 * i)
            kept = [word for word, u in zip(words, draw.tolist(), strict=True) if u > 0.3] or words
            mentions.append(" ".join(kept).lower())
            of.append(i)
    kinds = tuple(name.split(" ")[0].capitalize() for name in names)
    about = f"letters and parts of their names, Unicode {unicodedata.unidata_version}"
    texts = tuple(name.lower() for name in names)
    return _checked(Entities(tuple(names), texts, kinds, tuple(mentions), torch.tensor(of), _drawn(len(of)), about))


def _drawn(count: int) -> Tensor:
    return random.uniform(random.key(0, "tested mentions"), torch.arange(count)) < TESTED


def _checked(entities: Entities) -> Entities:
    if not bool(entities.tested.any()) or int((entities.counts > 0).sum()) < 2:
        raise UserError(f"{entities.about}: no mention to test on, or fewer than two entities with one to train on")
    return entities


def _columns(path: Path, needed: tuple[str, ...], more: tuple[str, ...]) -> dict[str, list[str]]:
    header, rows = read_table(path)
    places = {re.sub(r"[^a-z]", "", cell.lower()): i for i, cell in enumerate(header)}
    if missing := [name for name in needed if name not in places]:
        raise UserError(f"{path}: has no column {missing[0]!r}; it has {', '.join(header) or 'none'}")
    if not rows:
        raise UserError(f"{path}: has no rows")
    return {name: [row[places[name]].strip() for row in rows] for name in (*needed, *more) if name in places}
