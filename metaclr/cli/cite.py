"""`metaclr cite NAMES...`: BibTeX of the papers of methods, or of the methods of a comparison."""

from __future__ import annotations

from pathlib import Path

import click


@click.command(name="cite", short_help="Print the BibTeX of methods.")
@click.argument("names", nargs=-1, required=True)
def command(names: tuple[str, ...]) -> None:
    """Print the BibTeX of the papers behind NAMES: methods, or folders of comparisons, whose methods are meant.

    The first lines say which entries each method cites; the last entry is metaclr's own.
    """
    from metaclr.methods.bibliography import bibtex
    from metaclr.methods.summaries import summary_of

    methods: dict[str, str] = {}
    for name in names:
        folder = Path(name)
        if (folder / "rows.csv").is_file():
            methods |= _of_folder(folder)
        else:
            methods[name] = summary_of(_known(name)).reference
    click.echo(bibtex(methods.items()), nl=False)


def _of_folder(folder: Path) -> dict[str, str]:
    """Title and reference of each method of a comparison, without the controls."""
    from metaclr.methods import names
    from metaclr.methods.summaries import summary_of
    from metaclr.results.store.folder import load

    results = load(folder)
    stored = {title: about.get("reference", "") for title, about in results.about.methods.items()}
    wanted = [title for title in results.methods if title not in results.controls]
    return {t: stored.get(t) or (summary_of(t).reference if t in names() else "") for t in wanted}


def _known(name: str) -> str:
    from metaclr.errors import UserError, unknown
    from metaclr.methods import names

    if Path(name).exists():
        raise UserError(f"{name}: neither a method nor the folder of a comparison, which has a rows.csv")
    if name not in names():
        raise unknown("method", name, names())
    return name
