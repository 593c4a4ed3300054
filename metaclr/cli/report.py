"""`metaclr report FOLDER`: write tables, figures and report.html again from the folder's rows, or watch it run."""

from __future__ import annotations

from pathlib import Path

import click


@click.command(name="report", short_help="Write tables, figures and report again, or watch a comparison.")
@click.argument("folder", type=click.Path(path_type=Path))
@click.option("--reference", help="Compute paired differences from this method [untrained].")
@click.option("--serve", is_flag=True, help="Show the comparison in a browser of this machine while it runs.")
@click.option(
    "--port", type=click.IntRange(0, 65535), default=8765, show_default=True, help="Serve on this port; 0: a free one."
)
def command(folder: Path, reference: str | None, serve: bool, port: int) -> None:
    """Write tables/, figures/ and report.html of the comparison in FOLDER again, without training.

    Refuses a folder without per-item results: its tables would lose their tests and their bold entries.

    With --serve nothing is written: a page at 127.0.0.1 shows how far each run is, and the tables of those that have
    finished, until Ctrl-C. The comparison is started by another command, `metaclr compare --out FOLDER`.
    """
    from metaclr.comparison.folders.owner import owned
    from metaclr.comparison.folders.stored_results import check_per_item
    from metaclr.results import write_all

    if serve:
        _serve(folder, port)
        return
    check_per_item(folder)
    with owned(folder):
        write_all(folder, reference=reference)
    click.echo(f"report   {folder / 'report.html'}")


def _serve(folder: Path, port: int) -> None:
    from metaclr.comparison.live.serve_report import HOST, report_server

    with report_server(folder, port) as server:
        click.echo(f"report   http://{HOST}:{server.server_port}/   (Ctrl-C ends it)")
        try:
            server.serve_forever()
        except KeyboardInterrupt:
            click.echo("")
