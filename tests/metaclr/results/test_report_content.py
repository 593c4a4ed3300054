"""What the report computes and prints: its own tables, curves, classes, neighbors, links and files."""

from __future__ import annotations

import base64
import csv
import io
import re
from collections.abc import Callable
from dataclasses import replace
from pathlib import Path

import numpy as np
import pytest

from metaclr.results.report.class_accuracy import class_accuracy
from metaclr.results.report.paper_links import with_links
from metaclr.results.report.report import render_report
from metaclr.results.report.score_grid import STRIP, score_grids
from metaclr.results.report.svg_axis import axis
from metaclr.results.report.target_sections import target_sections
from metaclr.results.report.training_panels import training_panels
from metaclr.results.scores.summary import summarise
from metaclr.results.store.folder import About, load
from metaclr.results.store.inspections import read_inspections, read_pictures, write_inspections
from metaclr.results.store.rows import read_rows
from metaclr.results.tables.all_tables import build_tables
from tests.metaclr.results.conftest import SETTINGS, build
from tests.metaclr.results.inspected import EACH, add_pictures

METHODS = ("simclr", "a_b%$", "protonet", "untrained", "pixels")
ABOUT = About(
    methods={
        "simclr": {"summary": "s", "reference": "Chen et al. 2020, arXiv:2002.05709", "labels": "no"},
        "protonet": {"summary": "p", "reference": "doi:10.1000/<x>", "labels": "yes"},
    }
)


@pytest.fixture(scope="module")
def folder(tmp_path_factory: pytest.TempPathFactory) -> Path:
    path = tmp_path_factory.mktemp("content") / "comparison"
    build(path, methods=METHODS, seeds=(0, 1, 2), about=ABOUT, settings=[*SETTINGS[:2], *SETTINGS[4:7]])
    return add_pictures(path, {"glyphs:held-out": 30, "digits": 4})


def page_of(folder: Path) -> str:
    results = load(folder)
    return render_report(results, build_tables(results), [])


def test_every_cell_has_the_numbers_of_its_score(folder: Path) -> None:
    results = load(folder)
    summary = summarise(results)
    grids = score_grids(results, summary)
    assert [grid.target for grid in grids] == ["glyphs:held-out", "digits"]
    tasks = [task for task in summary.tasks if task.target == "digits"]
    for row in grids[1].rows:
        for task, cell in zip(tasks, row.cells, strict=True):
            score = summary.scores[row.method, task]
            assert cell.value == score.value
            assert all(f"{value:.2f}" in cell.tip for value in score.values)
            assert cell.bold == ((row.method, task) in summary.bold)
            assert cell.strip is not None
            assert len(cell.strip.seeds) == 3
            places = (cell.strip.low, cell.strip.mean, cell.strip.high, *cell.strip.seeds)
            assert all(0 <= place <= STRIP for place in places)
            assert cell.strip.low <= cell.strip.mean <= cell.strip.high
    kinds = {row.method: row.kind for row in grids[0].rows}
    assert kinds == {
        "simclr": "no labels",
        "a_b%$": "",
        "protonet": "labels",
        "untrained": "control",
        "pixels": "control",
    }


def test_strips_of_a_column_share_one_scale(folder: Path) -> None:
    results = load(folder)
    for grid in score_grids(results, summarise(results)):
        for column in range(len(grid.columns)):
            cells = [row.cells[column] for row in grid.rows]
            values = np.array([cell.value for cell in cells])
            places = np.array([cell.strip.mean for cell in cells if cell.strip])
            slope = np.polyfit(values, places, 1)
            assert np.abs(np.polyval(slope, values) - places).max() < 0.11  # places are rounded to a tenth


def test_the_confusion_is_counted_over_seeds(folder: Path) -> None:
    results = load(folder)
    found = class_accuracy(results, "glyphs:source", "digits")
    assert found is not None
    assert found.has_matrix
    labels = np.repeat(np.arange(4), EACH)
    for confusion in found.confusions:
        runs = [
            run
            for run in results.inspections
            if run.startswith({"a_b%$": "a-b-"}.get(confusion.method, confusion.method))
        ]
        assert len(runs) == 3
        predicted = np.stack([results.inspections[run]["digits"]["predicted"] for run in runs])
        assert confusion.overall == pytest.approx(100 * (predicted == labels).mean())
        expected = [[100 * (predicted[:, labels == i] == j).mean() for j in range(4)] for i in range(4)]
        np.testing.assert_allclose(confusion.shares, expected)
        row = dict(found.table)[confusion.method]
        np.testing.assert_allclose(row, np.diag(expected))
        for i, j, percent in confusion.pairs:
            assert i != j
            assert percent == pytest.approx(expected[i][j])
        shares = [percent for *_, percent in confusion.pairs]
        assert shares == sorted(shares, reverse=True)


def test_of_many_classes_the_hardest_are_shown(folder: Path) -> None:
    results = load(folder)
    found = class_accuracy(results, "glyphs:source", "glyphs:held-out")
    assert found is not None
    assert not found.has_matrix
    assert len(found.table) == len(found.hardest) == 12
    trained = [i for i, method in enumerate(found.columns) if method not in results.controls]
    means = [np.mean([values[i] for i in trained]) for _, values in found.table]
    assert means == sorted(means)


def test_neighbors_of_the_query_class_are_counted(folder: Path) -> None:
    results = load(folder)
    for section in target_sections(results):
        pictures = results.pictures.targets[section.target]
        for sheet in section.sheets:
            assert len(sheet.rows) == len(pictures.queries)
        run = next(run for run in results.inspections if run.startswith("simclr") and run.endswith("s0"))
        stored = results.inspections[run][section.target]["neighbors"]
        same = pictures.labels[stored] == pictures.labels[pictures.queries][:, None]
        assert section.sheets[0].hits == (int(same.sum()), same.size)


def test_bands_reach_from_the_lowest_to_the_highest_seed(folder: Path) -> None:
    panels = training_panels(load(folder))
    assert [panel.y_label for panel in panels] == ["loss / its first value", "training accuracy (%)"]
    for panel in panels:
        for line in panel.lines:
            mean = np.array([point.split(",") for point in line.points.split()], dtype=float)
            band = np.array([point.split(",") for point in line.band.split()], dtype=float)
            top, bottom = band[: len(mean)], band[len(mean) :][::-1]
            assert np.array_equal(mean[:, 0], top[:, 0])
            assert (top[:, 1] <= mean[:, 1] + 0.1).all()  # pixels count downwards
            assert (bottom[:, 1] >= mean[:, 1] - 0.1).all()


def test_axes_have_round_ticks() -> None:
    assert axis(0, 1.6, 0, 160).ticks == [(0.0, "0.0"), (50.0, "0.5"), (100.0, "1.0"), (150.0, "1.5")]
    assert [label for _, label in axis(612, 1890, 0, 1).ticks] == ["1000", "1500"]
    assert axis(3, 3, 0, 10).place(3) == 5


def test_papers_are_linked_and_text_is_escaped(folder: Path) -> None:
    page = page_of(folder)
    assert '<a href="https://arxiv.org/abs/2002.05709" rel="noopener">arXiv:2002.05709</a>' in page
    assert "doi.org/10.1000/<x>" not in page
    assert str(with_links("<b> arXiv:2002.05709v2; 2020")).startswith("&lt;b&gt; <a href=")
    assert "class &lt;3&gt;" in page
    assert "class <3>" not in page


def test_files_in_the_page_are_the_files(folder: Path) -> None:
    page = page_of(folder)
    found = dict(re.findall(r'download="([^"]+)" href="data:[a-z/-]+;base64,([^"]+)"', page))
    assert {"rows.csv", "recipe.toml", "main.csv", "main.tex", "main.md", "differences.csv"} <= found.keys()
    text = base64.b64decode(found["rows.csv"]).decode()
    (folder / "copy.csv").write_text(text, encoding="utf-8")
    assert read_rows(folder / "copy.csv") == read_rows(folder / "rows.csv")
    assert base64.b64decode(found["recipe.toml"]).decode() == (folder / "recipe.toml").read_text()
    assert len(list(csv.reader(io.StringIO(base64.b64decode(found["main.csv"]).decode())))) > 10


def test_same_results_same_bytes_and_nothing_is_loaded(folder: Path) -> None:
    page = page_of(folder)
    assert page == page_of(folder)
    assert not re.findall(r'(?:src|srcset|data|action)="(?!data:)[^"]', page)
    assert not re.findall(r"url\((?!data:)", page)
    assert not re.search(r"<link|@import|fetch\(|XMLHttpRequest|import\(", page)


def test_a_folder_without_pictures_has_no_sections_of_them(comparison: Callable[..., Path]) -> None:
    page = page_of(comparison(methods=("simclr", "untrained"), targets=("digits",)))
    for part in ("neighbors", "maps", "classes", "views"):
        assert f'id="{part}"' not in page
        assert f'href="#{part}"' not in page


def test_stored_pictures_are_read_as_written(folder: Path) -> None:
    pictures = read_pictures(folder)
    assert list(pictures.targets) == ["glyphs:held-out", "digits"]
    assert pictures.targets["digits"].class_names == ("0", "1", "2", "3")
    assert pictures.views[0].heads == ("image", "support", "query")
    path = sorted((folder / "inspections").glob("*.npz"))[0]
    first = read_inspections(path)
    write_inspections(path, first)
    again = read_inspections(path)
    assert first.keys() == again.keys()
    assert all(np.array_equal(first[t][n], again[t][n]) for t in first for n in first[t])


def test_a_method_without_an_inspection_is_left_out(folder: Path) -> None:
    results = load(folder)
    kept = {run: found for run, found in results.inspections.items() if not run.startswith("protonet")}
    sections = target_sections(replace(results, inspections=kept))
    assert [sheet.method for sheet in sections[0].sheets] == ["simclr", "a_b%$", "untrained", "pixels"]


def test_maps_say_how_images_were_placed(folder: Path) -> None:
    results = load(folder)
    by_umap = {
        run: {target: {**arrays, "variance": np.full(2, np.nan)} for target, arrays in found.items()}
        for run, found in results.inspections.items()
    }
    linear, other = (render_report(one, [], []) for one in (results, replace(results, inspections=by_umap)))
    assert "first two principal components" in linear
    assert "placed by UMAP" not in linear
    assert "placed by UMAP on the cosine distances" in other
    assert "share of the variance" not in other
    assert other.count('class="map"') == linear.count('class="map"')
