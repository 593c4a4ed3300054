"""The names of parts: every common spelling of train, val, test, query, gallery, ..., mapped to one name each."""

from __future__ import annotations

import re
from collections.abc import Iterable

from metaclr.errors import UserError, unknown

SPELLINGS: dict[str, tuple[str, ...]] = {
    "train": ("train", "training", "trn", "tra", "traindata", "trainingdata", "base", "metatrain"),
    "val": ("val", "valid", "validation", "validate", "validating", "vali", "vld", "dev", "devel", "development",
            "metaval", "metavalid", "metavalidation"),
    "test": ("test", "testing", "tst", "tes", "eval", "evaluation", "evaluate", "holdout", "novel", "metatest"),
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
`query` and `gallery` are the two sides of retrieval, and parts of their own.
"""

UNLABELLED = "unlabelled"
"""The part whose images have no labels: read alone, never among the others."""

_FILLER = frozenset(
    {"set", "sets", "data", "dataset", "split", "subset", "part", "images", "image", "imgs", "img", "pics", "photos",
     "folder", "files", "seg", "list", "labels", "final"}
)  # fmt: skip
_PART_OF = {spelling: part for part, spellings in SPELLINGS.items() for spelling in spellings}
_ENDINGS = ("set", "data", "dataset", "images", "split")


def part_name(text: str) -> str | None:
    """The part that `text` spells ("Training_Set", "DEV", "val2017" -> "train", "val", "val"); None if it spells none.

    Case, punctuation, a year, and words such as "set", "data" and "images" make no difference.
    """
    spaced = re.sub(r"(?<=[a-z])(?=[A-Z])", " ", text)
    words = [word for word in re.split(r"[^a-z0-9]+", spaced.lower()) if word]
    words = [word for word in words if word not in _FILLER and not re.fullmatch(r"(19|20)\d\d", word)]
    joined = re.sub(r"(?<=[a-z])(19|20)\d\d$", "", "".join(words))
    if joined in _PART_OF:
        return _PART_OF[joined]
    for ending in _ENDINGS:
        if joined.removesuffix(ending) in _PART_OF:
            return _PART_OF[joined.removesuffix(ending)]
    return None


def part_names(texts: Iterable[str], where: str) -> tuple[str, ...]:
    """The part that each text spells, such as the `split` of an .npz file or the column of a .csv file.

    Raises:
        UserError: a text that spells no part; begins with `where`.
    """
    texts = tuple(texts)
    parts = {text: part_name(text) for text in dict.fromkeys(texts)}
    for text, part in parts.items():
        if part is None:
            raise UserError(f"{where}: {unknown('part', text, SPELLINGS)}; rename it to one of {', '.join(SPELLINGS)}")
    return tuple(str(parts[text]) for text in texts)
