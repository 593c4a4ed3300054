"""Results in a notebook: a table, live progress, and `help(metaclr)` as a page."""

from __future__ import annotations

import io
import multiprocessing
import pydoc
from html.parser import HTMLParser
from pathlib import Path

import pytest

import metaclr
from metaclr import console
from metaclr.comparison.launching.launcher import check_launcher
from metaclr.results.store.folder import load
from metaclr.results.store.rows import from_frame, to_frame
from tests.metaclr.results.conftest import SETTINGS, build


def comparison(folder: Path) -> metaclr.Comparison:
    build(folder, methods=("simclr", "a_b%$", "untrained"), targets=("digits",), settings=SETTINGS[:2])
    return metaclr.Comparison(folder, to_frame(load(folder).rows), {"byol-glyphs-source-s0": "loss <is> NaN"})


class Balanced(HTMLParser):
    """Fails on a tag that is closed out of order."""

    def __init__(self) -> None:
        super().__init__()
        self.open: list[str] = []

    def handle_starttag(self, tag: str, attrs: object) -> None:
        self.open.append(tag)

    def handle_endtag(self, tag: str) -> None:
        assert self.open.pop() == tag


def html_of(result: metaclr.Comparison) -> str:
    html = result._repr_html_()
    parser = Balanced()
    parser.feed(html)
    assert parser.open == []
    return html


def test_a_comparison_shows_its_main_table(tmp_path: Path) -> None:
    result = comparison(tmp_path / "out")
    html = html_of(result)
    for row in load(result.folder).rows:
        assert f"{row.value:.1f}" in html
    assert "a_b%$" in html
    assert "loss &lt;is&gt; NaN" in html
    assert "<b>" in html
    assert "6 measurements in .rows" in html
    assert "report:" not in html  # none is written


def test_it_shows_its_rows_where_the_folder_is_gone(tmp_path: Path) -> None:
    result = comparison(tmp_path / "out")
    (tmp_path / "out").rename(tmp_path / "elsewhere")
    html = html_of(result)
    assert all(f"{value:.1f}" in html for value in result.rows.value)


def test_rows_survive_the_frame(tmp_path: Path) -> None:
    rows = list(load(comparison(tmp_path / "out").folder).rows)
    assert from_frame(to_frame(rows)) == rows


def test_progress_in_a_notebook_writes_over_its_line(monkeypatch: pytest.MonkeyPatch) -> None:
    stream = type("OutStream", (io.StringIO,), {"__module__": "ipykernel.iostream"})()
    monkeypatch.setattr("sys.stderr", stream)
    with console.progress("simclr") as bar:
        bar.every = 0.0
        bar(1, 3, "loss 2")
        bar(3, 3, "loss 1")
    text = stream.getvalue()
    assert text.count("simclr  ") >= 1
    assert "simclr  3/3  loss 1" in text
    assert "\x1b" not in text  # notebooks do not know the terminal's codes
    assert "\n" not in text
    assert text.endswith("\r")


def test_a_worker_that_imports_an_unguarded_script_says_what_to_do(monkeypatch: pytest.MonkeyPatch) -> None:
    check_launcher(2, None, "cpu")
    monkeypatch.setattr(multiprocessing.current_process(), "_inheriting", True, raising=False)
    with pytest.raises(metaclr.UserError, match=r'put the call under `if __name__ == "__main__":`'):
        check_launcher(2, None, "cpu")


def test_help_reads_like_a_page() -> None:
    text = pydoc.plain(pydoc.render_doc(metaclr))
    for heading in ("Compare methods on your images", "Use one afterwards", "See why methods differ"):
        assert heading in text
    for name in metaclr.__all__:
        first = (getattr(metaclr, name).__doc__ or "").strip().splitlines()[0]
        assert first, name
        assert first in text, name
    page = text.split("PACKAGE CONTENTS")[0]
    assert max(map(len, page.splitlines())) <= 124
    assert len(page.splitlines()) > 30
