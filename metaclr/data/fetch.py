"""Download a named data set into the data root."""

from __future__ import annotations

from pathlib import Path

from metaclr.data.load import data_root
from metaclr.data.named_sets import base_of, files_of, named_sets
from metaclr.data.reference import parse
from metaclr.errors import UserError, unknown


def fetch(name: str, root: Path | None = None) -> list[str]:
    """Download what `name` is read from, unless it is there; returns lines that say where it is.

    Args:
        name: of a data set, with or without parts, which are fetched together. root: default $METACLR_DATA.

    Raises:
        UserError: an unknown name, no data root, a set that nobody may download (says where people get it), no
            internet, or a wrong checksum.
    """
    base = parse(name).base
    if base not in named_sets():
        raise unknown("data set", base, named_sets())
    chosen = named_sets()[base]
    if chosen.is_embedded:
        return [f"{base}: is part of metaclr, nothing to download"]
    folder = data_root(root)
    if folder is None:
        raise UserError(f"data set {base!r}: where to? --data-root FOLDER or METACLR_DATA")
    source = base_of(chosen)
    there = files_of(chosen, folder)
    if there:
        return [f"{base}: is here, {there[0]}"]
    if source.fetch is None:
        raise UserError(f"data set {base!r} is not downloaded by metaclr: {source.how_to_get(folder)}")
    source.fetch(folder)
    there = files_of(chosen, folder)
    if not there:
        raise UserError(f"data set {base!r}: downloaded, but not found in {folder}; {source.how_to_get(folder)}")
    return [f"{base}: {there[0]}"]
