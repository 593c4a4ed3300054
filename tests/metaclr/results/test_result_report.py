"""Figures and the report page: drawn without warnings, self-contained, honest, the same bytes twice."""

from __future__ import annotations

import re
import warnings
from collections.abc import Callable
from pathlib import Path

import pytest

from metaclr.errors import UserError
from metaclr.results import write_all
from metaclr.results.figures.all_figures import draw_figures
from metaclr.results.figures.style import looks
from metaclr.results.report.report import render_report
from metaclr.results.store.folder import About, load
from metaclr.results.tables.all_tables import build_tables

SMALL = [
    ("few-shot", 5, 1, ""),
    ("linear", None, None, "all"),
    ("low-label frozen", None, None, "1 % (52)"),
    ("low-label frozen", None, None, "10 % (520)"),
]
ABOUT = About(
    methods={"simclr": {"summary": "views <attract>", "reference": "Chen et al. 2020"}},
    classes={"digits": 10},
    failures={"byol-glyphs-source-s0": "loss became nan at step 12"},
    audit=("0 classes and 0 images in common",),
    environment={"torch": "2.15.0"},
    command="metaclr compare recipe.toml",
)


def test_a_whole_folder_is_written(comparison: Callable[..., Path]) -> None:
    path = comparison(
        methods=("simclr", "a_b%$", "byol", "untrained"), missing=("byol",), seeds=(0, 1), settings=SMALL, about=ABOUT
    )
    with warnings.catch_warnings():
        warnings.simplefilter("error")
        write_all(path)
    figures = {p.name for p in (path / "figures").iterdir()}
    stems = {"accuracy-glyphs-held-out", "accuracy-digits", "low-label", "transfer", "ranking", "training"}
    assert figures == {f"{stem}.{ending}" for stem in stems for ending in ("png", "pdf")}
    assert (path / "figures/transfer.png").read_bytes().startswith(b"\x89PNG")
    assert (path / "figures/transfer.pdf").read_bytes().startswith(b"%PDF")
    page = (path / "report.html").read_text()
    assert page.count("data:image/png;base64,") == len(stems - {"training"})  # its curves are drawn in the page
    assert page.count('<svg class="panel"') == 2
    for said in (
        "What was held fixed", "leads with", "points above untrained", "views &lt;attract&gt;", "Chen et al. 2020",
        "loss became nan at step 12", "0 classes and 0 images in common", "metaclr compare recipe.toml",
        "batch_views = 256", "2.15.0", "a_b%$",
    ):  # fmt: skip
        assert said in page, said
    assert "nan ±" not in page


def test_the_page_refers_to_nothing_outside_itself(comparison: Callable[..., Path]) -> None:
    results = load(comparison(methods=("simclr", "pixels"), targets=("digits",), settings=SMALL))
    page = render_report(results, build_tables(results), draw_figures(results))
    sources = re.findall(r'src="([^"]{1,40})', page)
    assert sources
    assert all(source.startswith("data:image/") for source in sources)
    # Links may lead to papers, by the reader's own click; files are inside.
    links = re.findall(r'<a [^>]*href="([^"]{1,40})', page)
    assert all(link.startswith(("#", "data:", "https://arxiv.org/abs/", "https://doi.org/")) for link in links)
    assert page.count("href=") == len(links)
    assert "<script src" not in page
    assert "@import" not in page
    assert re.findall(r"url\((?!data:image/)", page) == []
    targets = {link[1:] for link in links if link.startswith("#")}
    assert all(f'id="{target}"' in page for target in targets)


def test_same_rows_same_bytes(comparison: Callable[..., Path]) -> None:
    results = load(comparison(methods=("simclr", "pixels"), targets=("digits",), settings=SMALL[:2]))
    first, second = draw_figures(results), draw_figures(results)
    assert [(f.name, f.png, f.pdf, f.caption) for f in first] == [(f.name, f.png, f.pdf, f.caption) for f in second]
    tables = build_tables(results)
    assert render_report(results, tables, first) == render_report(results, tables, second)


def test_captions_name_units_intervals_and_counts(comparison: Callable[..., Path]) -> None:
    results = load(comparison(methods=("simclr", "pixels"), targets=("digits",), settings=SMALL, seeds=(0, 1)))
    captions = {f.name: f.caption for f in draw_figures(results)}
    assert set(captions) == {"accuracy-digits", "low-label", "training"}
    assert "over 2,000 stored episodes or 1,200 test images with its 95 % interval" in captions["accuracy-digits"]
    assert "for new classes (with their images) of the same kind, for these trained" in captions["accuracy-digits"]
    assert "2 training seeds" in captions["accuracy-digits"]
    assert "chance" in captions["accuracy-digits"]
    assert "different quantities" in captions["training"]


def test_one_method_one_target_and_no_journal(comparison: Callable[..., Path]) -> None:
    path = comparison(methods=("pixels",), targets=("digits",), settings=SMALL[:1])
    (path / "recipe.toml").unlink()
    (path / "about.json").unlink()
    write_all(path)
    assert [p.name for p in sorted((path / "figures").iterdir())] == ["accuracy-digits.pdf", "accuracy-digits.png"]
    assert "pixels reaches" in (path / "report.html").read_text()


def test_a_method_looks_the_same_whatever_is_beside_it_in_the_figure(comparison: Callable[..., Path]) -> None:
    results = load(comparison(settings=SMALL[:1]))
    look = looks(results)
    assert len({(v.color, v.line) for v in look.values()}) == len(look)
    assert look["untrained"].line == look["pixels"].line == "--"


def test_matplotlib_settings_of_the_caller_are_left_alone(comparison: Callable[..., Path]) -> None:
    import matplotlib as mpl

    results = load(comparison(methods=("simclr",), targets=("digits",), settings=SMALL[:1]))
    with mpl.rc_context({"font.size": 23.0}):
        before = dict(mpl.rcParams)
        draw_figures(results)
        assert dict(mpl.rcParams) == before


def test_a_folder_that_is_no_comparison(tmp_path: Path) -> None:
    with pytest.raises(UserError, match=r"no rows\.csv"):
        write_all(tmp_path)
