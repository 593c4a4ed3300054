"""BibTeX of the papers that methods cite, found by what a method's `reference` names."""

from __future__ import annotations

import re
from collections.abc import Iterable
from dataclasses import dataclass
from functools import cache
from pathlib import Path

SOFTWARE = "metaclr"
"""Key of the entry of this package."""


@dataclass(frozen=True)
class Entry:
    """One BibTeX entry: its key, its text, and the fields that identify the paper."""

    key: str
    text: str
    eprint: str
    doi: str
    url: str
    surname: str
    """Family name of the first author, in ASCII and lower case, without a particle."""
    year: str


@cache
def entries() -> dict[str, Entry]:
    """The entries of `references.bib` by key."""
    text = Path(__file__).with_name("references.bib").read_text(encoding="utf-8")
    found = [_entry(f"@{part.strip()}") for part in re.split(r"^@", text, flags=re.MULTILINE) if part.strip()]
    return {entry.key: entry for entry in found}


def cited(reference: str) -> list[Entry]:
    """The entries that a `Method.reference` names, in its order.

    A paper is named by its arXiv number, DOI or OpenReview id, or as "Sohn 2016 (NeurIPS)".

    >>> [entry.key for entry in cited("Chen et al. 2020, arXiv:2002.05709")]
    ['chen2020simclr']
    """
    found: dict[str, Entry] = {}
    for clause in reference.split(";"):
        entry = _by_number(clause) or _by_name(clause)
        if entry:
            found[entry.key] = entry
    return list(found.values())


def bibtex(methods: Iterable[tuple[str, str]]) -> str:
    """BibTeX of the papers of `(name, reference)` methods, each once, and of this package; first a line per method.

    A method whose reference names no paper that is known here gets a comment with the reference.
    """
    needed: dict[str, Entry] = {}
    lines = []
    for name, reference in methods:
        papers = cited(reference)
        needed |= {entry.key: entry for entry in papers}
        lines.append(f"% {name}: {', '.join(entry.key for entry in papers) or f'no entry; {_one_line(reference)}'}")
    texts = [needed[key].text for key in sorted(needed)]
    return "\n".join(lines) + "\n\n" + "\n\n".join([*texts, entries()[SOFTWARE].text]) + "\n"


def _one_line(text: str) -> str:
    return " ".join(text.split()) or "no reference"


def _entry(text: str) -> Entry:
    fields = dict(re.findall(r"^\s*(\w+) = \{(.*)\},?$", text, flags=re.MULTILINE))
    found = re.match(r"@\w+\{([^,]+),", text)
    if found is None:
        raise ValueError(f"references.bib: not an entry: {text[:40]}")
    first = fields["author"].split(" and ")[0]
    url = fields.get("url", "")
    year = fields["year"]
    return Entry(found[1], text, fields.get("eprint", ""), fields.get("doi", ""), url, _surname(first), year)


def _surname(author: str) -> str:
    return re.sub(r"[^a-z]", "", author.partition(",")[0].rsplit(maxsplit=1)[-1].lower())


def _by_number(clause: str) -> Entry | None:
    arxiv = re.search(r"arXiv:(\d{4}\.\d{4,5})", clause)
    doi = re.search(r"doi:(\S+?)[,.]?(?:\s|$)", clause)
    review = re.search(r"OpenReview (\w+)", clause)
    for entry in entries().values():
        if (arxiv and entry.eprint == arxiv[1]) or (doi and entry.doi == doi[1]) or (review and review[1] in entry.url):
            return entry
    return None


def _by_name(clause: str) -> Entry | None:
    named = re.search(r"([A-Z][\w'-]+)[^():\d]*? ((?:19|20)\d\d) \(", clause)
    if named is None:
        return None
    surname = re.sub(r"[^a-z]", "", named[1].lower())
    fits = [entry for entry in entries().values() if (entry.surname, entry.year) == (surname, named[2])]
    return fits[0] if len(fits) == 1 else None
