"""The report of a comparison that still runs: the state of its runs above the tables of those that have finished."""

from __future__ import annotations

import hashlib
import shutil
from collections.abc import Mapping
from pathlib import Path
from tempfile import TemporaryDirectory
from typing import TYPE_CHECKING, Any

from metaclr.comparison.folders.run_states import ComparisonState, comparison_state
from metaclr.page_templates import render
from metaclr.recipe import CONTROLS, read
from metaclr.results.store.folder import About, collect, load, write_about
from metaclr.results.store.walk import NAME as WALK

if TYPE_CHECKING:
    from metaclr.results.store.folder import Results


class LiveReport:
    """Renders a folder's page again when a run has finished. Reads the folder, and writes nothing into it.

    Raises:
        UserError: not the folder of a comparison.
    """

    def __init__(self, folder: Path) -> None:
        comparison_state(folder)
        self.folder = folder
        self._version = ""
        self._page = ""

    def state(self) -> ComparisonState:
        """The state of the runs at this moment."""
        return comparison_state(self.folder)

    def version(self, state: ComparisonState) -> str:
        """Changes when the page below the state does."""
        report = self.folder / "report.html"
        written = report.stat().st_mtime_ns if state.is_finished and report.is_file() else 0
        return hashlib.sha256(f"{state.finished} {written}".encode()).hexdigest()[:12]

    def page(self) -> str:
        """The whole page."""
        state = self.state()
        version = self.version(state)
        if version != self._version:
            self._page, self._version = self._render(state), version
        return self._page.replace("<main>", f"<main>\n{status_html(state, version)}", 1)

    def _render(self, state: ComparisonState) -> str:
        if state.is_finished and (self.folder / "report.html").is_file():
            return (self.folder / "report.html").read_text(encoding="utf-8")
        if not state.finished:
            return _EMPTY
        from metaclr.results.report.report import render_report
        from metaclr.results.tables.all_tables import build_tables

        results = _finished_results(self.folder, state)
        return render_report(results, build_tables(results), [])  # figures take seconds, and the machine is at work


def status_html(state: ComparisonState, version: str) -> str:
    """The state as a part of the page, with the script that keeps it up to date."""
    return render(Path(__file__).parent, "live_status.html.j2", state=state, version=version).rstrip()


def _finished_results(folder: Path, state: ComparisonState) -> Results:
    """The results of the finished runs, collected in a folder of their own: the comparison's belongs to its process."""
    with TemporaryDirectory() as scratch:
        copy = Path(scratch)
        for name in ("recipe.toml", "about.json", WALK):
            if (folder / name).is_file():
                shutil.copyfile(folder / name, copy / name)
        if not (copy / "about.json").is_file():
            write_about(copy, _about(read(folder / "recipe.toml")))
        (copy / "runs").symlink_to((folder / "runs").resolve(), target_is_directory=True)
        collect(copy, state.finished)
        return load(copy)


def _about(recipe: Mapping[str, Any]) -> About:
    """What is known of the methods before the comparison has written it: of those that ship."""
    from metaclr import methods
    from metaclr.comparison.launching.execute import labels_seen

    entries = [entry if isinstance(entry, Mapping) else {"name": entry} for entry in recipe.get("methods", ())]
    named = {entry.get("label") or entry["name"]: entry["name"] for entry in entries} | {
        name: name for name in CONTROLS
    }
    known = {title: methods.get(name) for title, name in named.items() if name in methods.names()}
    return About(
        methods={
            title: {"summary": of.summary, "reference": of.reference, "labels": labels_seen(of), "family": of.family}
            for title, of in known.items()
        }
    )


_EMPTY = """<!doctype html>
<html lang="en"><head><meta charset="utf-8"><meta name="viewport" content="width=device-width, initial-scale=1">
<meta name="color-scheme" content="light dark"><title>comparison</title>
<style>:root { color-scheme: light dark; } body { margin: 2rem auto; max-width: 60rem; padding: 0 1rem;
font: 16px/1.55 system-ui, sans-serif; }</style></head>
<body><main><p>No run has finished yet; this page shows tables when the first one has.</p></main></body></html>
"""
