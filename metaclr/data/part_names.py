"""The names of parts: every common spelling of train, val, test, query, gallery, ..., mapped to one name each."""

from __future__ import annotations

import re
from collections.abc import Iterable, Sequence

from metaclr.errors import UserError, unknown

SPELLINGS: dict[str, tuple[str, ...]] = {
    "train": ("train", "training", "trn", "tra", "tr", "traindata", "trainingdata", "base", "metatrain",
              "imagesbackground"),
    "val": ("val", "valid", "validation", "validate", "validating", "vali", "vld", "va", "dev", "devel", "development",
            "metaval", "metavalid", "metavalidation", "cv", "crossval", "crossvalidation", "publictest"),
    "test": ("test", "testing", "tst", "tes", "te", "ts", "eval", "evaluation", "evaluate", "holdout", "novel",
             "metatest", "privatetest"),
    "trainval": ("trainval", "trainvalid", "trainvalidation", "traindev"),
    "query": ("query", "queries", "probe", "probes"),
    "gallery": ("gallery", "galleries"),
    "support": ("support",),
    "unlabelled": ("unlabelled", "unlabeled", "unlabel", "unsup", "unsupervised", "nolabel", "nolabels", "unannotated"),
    "source": ("source",),
    "held-out": ("heldout",),
}  # fmt: skip
"""Name of a part -> its spellings, in lower case without punctuation.

`base` and `novel` are the classes for training and for test of the few-shot literature (Hariharan and Girshick 2017);
`query` and `gallery` are the two sides of retrieval, and parts of their own; PublicTest and PrivateTest are the
validation and the test part of FER2013; images_background is Omniglot's part to train on.
"""

UNLABELLED = "unlabelled"
"""The part whose images have no labels: read alone, never among the others."""

_FILLER = frozenset(
    {"set", "sets", "data", "dataset", "split", "subset", "part", "images", "image", "imgs", "img", "pics", "photos",
     "folder", "files", "seg", "list", "labels", "final", "copy", "px"}
)  # fmt: skip
_PART_OF = {spelling: part for part, spellings in SPELLINGS.items() for spelling in spellings}
_ENDINGS = ("set", "data", "dataset", "images", "split")
_NUMBER = re.compile(r"\d+|\d+x\d+|v\d+")
"""Words that only number a part: an order (01_train), a year, a size in pixels, a version, a copy."""


def part_name(text: str) -> str | None:
    """The part that `text` spells ("Training_Set", "DEV", "01_val2017" -> "train", "val", "val"); None for others.

    Case, punctuation, numbers, and words such as "set", "data" and "images" make no difference.
    """
    every = _words(text)
    if "".join(every) in _PART_OF:
        return _PART_OF["".join(every)]
    words = [word for word in every if word not in _FILLER and not _NUMBER.fullmatch(word)]
    joined = re.sub(r"(?<=[a-z])\d+$", "", "".join(words))
    if joined in _PART_OF:
        return _PART_OF[joined]
    for ending in _ENDINGS:
        if joined.removesuffix(ending) in _PART_OF:
            return _PART_OF[joined.removesuffix(ending)]
    return None


def parts_of(texts: Sequence[str]) -> dict[str, str | None]:
    """The part that each text spells, alone or without the words that all of them begin or end with.

    Of names that differ in their parts alone, such as "birds_train" and "birds_test", the rest is no part of the name.

    >>> parts_of(["birds_train", "birds_test"])
    {'birds_train': 'train', 'birds_test': 'test'}
    >>> parts_of(["train", "owls"])
    {'train': 'train', 'owls': None}
    """
    found = {text: part_name(text) for text in dict.fromkeys(texts)}
    if len(found) < 2 or any(found.values()):
        return found
    words = {text: _words(text) for text in found}
    first = next(iter(words.values()))
    for place in (0, -1):
        if all(len(some) == 2 and some[place] == first[place] for some in words.values()):
            rest = {text: part_name(some[-1 - place]) for text, some in words.items()}
            if all(rest.values()) and len(set(rest.values())) == len(rest):
                return rest
    return found


def is_boolean(text: str) -> bool | None:
    """What a cell of a column such as `is_train` says: "True", "1", "yes" -> True; None for other texts."""
    plain = text.strip().lower().removesuffix(".0")
    return (
        True if plain in ("true", "1", "yes", "t", "y") else False if plain in ("false", "0", "no", "f", "n") else None
    )


def part_names(texts: Iterable[str], where: str) -> tuple[str, ...]:
    """The part that each text spells, such as the `split` of an .npz file or the column of a .csv file.

    Raises:
        UserError: a text that spells no part; begins with `where`.
    """
    texts = tuple(texts)
    parts = parts_of(texts)
    for text, part in parts.items():
        if not text.strip():
            count = sum(one == text for one in texts)
            raise UserError(
                f"{where}: {count:,} of {len(texts):,} rows name no part; write one of {', '.join(SPELLINGS)}"
            )
        if part is None:
            raise UserError(f"{where}: {unknown('part', text, SPELLINGS)}; rename it to one of {', '.join(SPELLINGS)}")
    return tuple(str(parts[text]) for text in texts)


def _words(text: str) -> list[str]:
    spaced = re.sub(r"(?<=[a-z])(?=[A-Z])", " ", text)
    return [word for word in re.split(r"[^a-z0-9]+", spaced.lower()) if word]
