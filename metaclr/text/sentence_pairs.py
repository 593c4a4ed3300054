"""Files of sentence pairs with similarity scores: SemEval's STS tasks, SICK, the STS benchmark, and own tables."""

from __future__ import annotations

import csv
import re
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path

from metaclr.errors import UserError
from metaclr.wording import some

HOW_TO_GET = "STS12 to STS16 and SICK lie in the git repository brmson/dataset-sts, data/sts"

_FIRST = ("sentence1", "sentencea", "text1", "s1")
_SECOND = ("sentence2", "sentenceb", "text2", "s2")
_SCORE = ("score", "relatednessscore", "similarity", "similarityscore", "label", "gs")
_ENDINGS = (".tsv", ".csv", ".txt")
_BENCHMARK = 7
"""Columns of the STS benchmark: genre, file, year, number, score, and the sentences; more say where they are from."""


@dataclass(frozen=True)
class SentencePairs:
    """One task: pairs of sentences and the similarity that people gave them. unscored: pairs without one, left out."""

    name: str
    first: tuple[str, ...]
    second: tuple[str, ...]
    scores: tuple[float, ...]
    unscored: int = 0

    @property
    def sentences(self) -> list[str]:
        """The different sentences of both sides, sorted."""
        return sorted({*self.first, *self.second})

    @property
    def numbers(self) -> tuple[tuple[int, ...], tuple[int, ...]]:
        """Both sides of the pairs as numbers of `sentences`."""
        number = {sentence: i for i, sentence in enumerate(self.sentences)}
        return tuple(number[s] for s in self.first), tuple(number[s] for s in self.second)


def read_tasks(paths: Sequence[Path]) -> list[SentencePairs]:
    """The tasks of files and folders, each with a name of its own.

    A file is a task. A folder is one task of all its files together, as SimCSE's "all" setting counts a year; a folder
    of folders has one task for each. Where files are called after `test`, the others of the folder are left out. A
    folder that is called by a year is that year's STS.

    Raises:
        UserError: nothing to read, a damaged file, or two tasks of one name.
    """
    found = [task for path in paths for task in _tasks_at(path)]
    names = [task.name for task in found]
    if twice := [name for name in names if names.count(name) > 1]:
        raise UserError(f"{twice[0]!r} is the name of two tasks; give each folder or file once")
    return found


def _tasks_at(path: Path) -> list[SentencePairs]:
    if path.is_file():
        pairs = read_pairs(path)
        if pairs is None:
            raise UserError(f"{path}: no pairs of sentences with scores; columns are score, sentence1, sentence2")
        return [pairs]
    if not path.is_dir():
        raise UserError(f"{path}: no such file or folder; {HOW_TO_GET}")
    own = _task_of(path)
    if own is not None:
        return [own]
    below = [task for folder in sorted(path.iterdir()) if folder.is_dir() and (task := _task_of(folder)) is not None]
    if not below:
        raise UserError(f"{path}: no file with pairs of sentences and scores; {HOW_TO_GET}")
    return below


def _task_of(folder: Path) -> SentencePairs | None:
    """All pairs of the files of a folder; None without any."""
    files = [f for f in sorted(folder.iterdir()) if f.suffix.lower() in _ENDINGS and f.is_file()]
    files = [f for f in files if not re.search(r"readme|licen[cs]e", f.name, re.IGNORECASE)]
    files = [f for f in files if re.search(r"(?<![a-z])test(?![a-z])", f.name, re.IGNORECASE)] or files
    parts = [pairs for file in files if (pairs := read_pairs(file)) is not None]
    if not parts:
        return None
    name = f"STS{folder.name[2:]}" if re.fullmatch(r"20\d\d", folder.name) else folder.name
    joined = [tuple(x for part in parts for x in getattr(part, key)) for key in ("first", "second", "scores")]
    return SentencePairs(name, joined[0], joined[1], joined[2], sum(part.unscored for part in parts))


def read_pairs(path: Path) -> SentencePairs | None:
    """The pairs of one file; None where it holds none.

    Formats: `score, sentence1, sentence2` apart by tabs (SemEval's files as brmson/dataset-sts joins them); SemEval's
    `STS.input.NAME.txt` beside `STS.gs.NAME.txt`; columns by name in a header (SICK, own files); the STS benchmark's
    seven columns. Pairs without a score are counted and left out. Cells apart by tabs are taken as they are, quotes
    included.

    Raises:
        UserError: a file that is no text, scores that are no numbers, or sentences and scores of different numbers.
    """
    lines = _lines(path)
    name = path.stem.removeprefix("STS.input.").removesuffix(".test")
    if path.name.startswith("STS.input."):
        scores = _scores(path, len(lines))
        return _made(path, name, [[score, *line.split("\t")[:2]] for score, line in zip(scores, lines, strict=False)])
    if path.name.startswith("STS.gs.") or not lines:
        return None
    rows = [line.split("\t") for line in lines] if "\t" in lines[0] else list(csv.reader(lines))
    header = [re.sub(r"[^a-z0-9]", "", cell.lower()) for cell in rows[0]]
    places = [next((i for i, cell in enumerate(header) if cell in names), None) for names in (_SCORE, _FIRST, _SECOND)]
    if None not in places:
        score, first, second = (i for i in places if i is not None)
        rows = rows[1:]
    elif len(rows[0]) >= _BENCHMARK and _number(rows[0][4]) is not None:
        score, first, second = 4, 5, 6
    elif len(rows[0]) >= 3 and (not rows[0][0].strip() or _number(rows[0][0]) is not None):
        score, first, second = 0, 1, 2
    else:
        return None
    short = [i for i, row in enumerate(rows, 1) if len(row) <= max(score, first, second)]
    if short:
        raise UserError(f"{path}: line {short[0]} has {len(rows[short[0] - 1])} columns, too few; mend or remove it")
    return _made(path, name, [[row[score], row[first], row[second]] for row in rows])


def _made(path: Path, name: str, rows: list[list[str]]) -> SentencePairs:
    """Raises UserError for a score that is no number, a row without two sentences, or no scored pair."""
    kept: list[tuple[float, str, str]] = []
    for number, row in enumerate(rows, 1):
        if len(row) != 3:
            raise UserError(f"{path}: line {number} has no two sentences apart by a tab")
        if not row[0].strip():
            continue
        score = _number(row[0])
        if score is None:
            raise UserError(f"{path}: line {number}: the score {row[0].strip()!r} is no number")
        kept.append((score, row[1].strip(), row[2].strip()))
    if not kept:
        raise UserError(f"{path}: none of its {len(rows)} pairs has a score")
    scores, first, second = zip(*kept, strict=True)
    return SentencePairs(name, first, second, scores, len(rows) - len(kept))


def _scores(path: Path, count: int) -> list[str]:
    beside = path.with_name(path.name.replace("STS.input.", "STS.gs."))
    scores = _lines(beside, blank=True)
    if len(scores) < count:
        raise UserError(f"{beside}: {len(scores)} scores for the {count} pairs of {path.name}")
    return scores


def _lines(path: Path, *, blank: bool = False) -> list[str]:
    try:
        text = path.read_text(encoding="utf-8-sig")
    except (OSError, UnicodeDecodeError) as error:
        raise UserError(f"{path}: not a readable text ({some([str(error)])}); save it as UTF-8") from error
    return [line for line in text.split("\n") if blank or line.strip()]


def _number(cell: str) -> float | None:
    try:
        return float(cell)
    except ValueError:
        return None
