"""The report in a headless Chromium: no script error, sorting, filters, hover values, themes and widths.

Skipped where no Chromium is installed (`apt-get install chromium`).
"""

from __future__ import annotations

from collections.abc import Callable, Iterator
from io import BytesIO
from pathlib import Path

import numpy as np
import pytest
from PIL import Image

from metaclr.results.figures.style import RenderedFigure
from metaclr.results.report.report import render_report
from metaclr.results.store.folder import About, load
from metaclr.results.tables.all_tables import build_tables
from tests.browser import Browser, find_browser
from tests.metaclr.results.conftest import SETTINGS, build
from tests.metaclr.results.inspected import add_pictures

PROGRAM = find_browser()
pytestmark = pytest.mark.skipif(PROGRAM is None, reason="no Chromium is installed")

METHODS = ("simclr", "protoclr", "r2d2", "supcon", "protonet", "untrained", "pixels")
ABOUT = About(
    methods={m: {"labels": "yes" if m in ("supcon", "protonet") else "no"} for m in METHODS[:-2]},
    classes={"digits": 10},
)
HELPERS = """
const all = (selector) => [...document.querySelectorAll(selector)];
const shown = (selector, key) => [...new Set(all(selector).filter(e => e.offsetHeight).map(e => e.dataset[key]))];
const scores = () => all('table.scores')[1];
const column = (i) => [...scores().tBodies[0].rows].map(r => [r.dataset.method, +r.cells[i].dataset.v]);
const head = (i) => i ? scores().tHead.rows[1].cells[i - 1] : scores().tHead.rows[0].cells[0];
const set = (name, key, value) => { const part = document.querySelector(`[name=${name}]`);
  part[key] = value; part.dispatchEvent(new Event('input', {bubbles: true})); };
const frame = () => new Promise((done) => requestAnimationFrame(() => requestAnimationFrame(done)));
const place = async (part, x, y) => { part.scrollIntoView({block: 'center'}); await frame();
  const box = part.getBoundingClientRect(); return [box.left + box.width * x, box.top + box.height * y]; };
const onLine = async (line) => { line.scrollIntoView({block: 'center'}); await frame();
  const p = line.points.getItem(9), m = line.getScreenCTM(); return [p.x * m.a + m.e, p.y * m.d + m.f]; };
const tip = () => document.getElementById('tip').hidden ? '' : document.getElementById('tip').textContent;
const light = (color) => { const c = color.match(/[\\d.]+/g).slice(0, 3).map(v => v / 255)
  .map(v => v <= 0.03928 ? v / 12.92 : ((v + 0.055) / 1.055) ** 2.4);
  return 0.2126 * c[0] + 0.7152 * c[1] + 0.0722 * c[2]; };
const style = (selector) => getComputedStyle(document.querySelector(selector));
"""


@pytest.fixture(scope="module")
def page(tmp_path_factory: pytest.TempPathFactory) -> Path:
    folder = tmp_path_factory.mktemp("report") / "comparison"
    build(folder, methods=METHODS, seeds=(0, 1, 2), about=ABOUT, settings=[*SETTINGS[:2], *SETTINGS[4:7]])
    results = load(add_pictures(folder, {"glyphs:held-out": 40, "digits": 10}))
    png = BytesIO()
    Image.new("L", (600, 300), 255).save(png, "PNG")
    figure = RenderedFigure("accuracy", "Accuracy", "A caption.", png.getvalue(), b"%PDF")
    path = folder / "report.html"
    path.write_text(render_report(results, build_tables(results), [figure]), encoding="utf-8")
    return path


@pytest.fixture(scope="module")
def browser() -> Iterator[Browser]:
    assert PROGRAM is not None
    with Browser(PROGRAM) as found:
        yield found


@pytest.fixture
def tab(browser: Browser, page: Path) -> Browser:
    browser.errors.clear()
    browser.requests.clear()
    browser.open(page.as_uri())
    browser.run(HELPERS)
    return browser


def test_no_script_error_and_nothing_is_loaded(tab: Browser) -> None:
    assert tab.errors == []
    assert [address for address in tab.requests if not address.startswith(("file:", "data:"))] == []
    assert tab.run("document.images.length") == 2
    assert tab.run("[...document.images].every(i => i.complete && i.naturalWidth)")


def test_a_click_sorts_by_a_column_and_the_third_restores_the_order(tab: Browser) -> None:
    before = tab.run("column(2)")
    tab.run("head(2).click()")
    down = tab.run("column(2)")
    assert [v for _, v in down] == sorted((v for _, v in before), reverse=True)
    assert down != before
    assert tab.run("head(2).getAttribute('aria-sort')") == "descending"
    tab.run("head(2).click()")
    assert tab.run("column(2)") == down[::-1]
    tab.run("head(2).click()")
    assert tab.run("column(2)") == before


def test_a_method_without_a_number_is_last_in_both_directions(tab: Browser) -> None:
    tab.run("{const c = scores().tBodies[0].rows[0].cells[3]; c.removeAttribute('data-v'); c.textContent = '–';}")
    for _ in range(2):
        tab.run("head(3).click()")
        assert tab.run("column(3)")[-1][0] == "simclr"


def test_a_text_column_sorts_by_name(tab: Browser) -> None:
    tab.run("head(0).click()")
    assert [m for m, _ in tab.run("column(1)")] == sorted(METHODS)


def test_headings_sort_by_the_keyboard(tab: Browser) -> None:
    tab.run("head(1).focus()")
    tab.call("Input.dispatchKeyEvent", type="keyDown", key="Enter", code="Enter", text="\r")
    values = [v for _, v in tab.run("column(1)")]
    assert values == sorted(values, reverse=True)


def test_filters_by_name_and_kind(tab: Browser) -> None:
    rows = "shown('.scores tr[data-method]', 'method')"
    assert tab.run(rows) == list(METHODS)
    tab.run("set('search', 'value', 'proto')")
    assert tab.run(rows) == ["protoclr", "protonet"]
    assert tab.run("document.getElementById('count').textContent") == "2 of 7 methods"
    assert tab.run("shown('.card', 'of')") == ["protoclr", "protonet"]
    tab.run("set('search', 'value', '')")
    tab.run("document.querySelector('button[data-kind=labels]').click()")
    assert tab.run(rows) == ["simclr", "protoclr", "r2d2", "untrained", "pixels"]


def test_filters_by_column_and_target(tab: Browser) -> None:
    tab.run("document.querySelector('button[data-column=few-shot]').click()")
    assert tab.run("shown('.scores th[data-column]', 'column')") == ["all labels", "few labels"]
    tab.run("set('target', 'selectedIndex', 2)")
    assert tab.run("shown('[data-target]', 'target')") == ["digits"]


def test_hover_shows_the_seeds_of_a_cell_a_curve_and_a_thumbnail(tab: Browser) -> None:
    tab.move(*tab.run("place(document.querySelector('.scores td'), 0.5, 0.3)"))
    text = tab.run("tip()")
    assert text.startswith("simclr: ")
    assert "seeds 0, 1, 2: " in text
    tab.move(*tab.run("onLine(document.querySelector('.panel polyline[data-of=protonet]'))"))
    assert "thousand views: " in tab.run("tip()")
    tab.move(*tab.run("place(document.querySelector('.map circle'), 0.5, 0.5)"))
    assert tab.run("document.querySelector('#tip .thumb') !== null")


@pytest.mark.parametrize("width", [1280, 400])
@pytest.mark.parametrize("theme", ["light", "dark"])
def test_the_page_fits_follows_the_theme_and_is_legible(browser: Browser, page: Path, width: int, theme: str) -> None:
    browser.open(page.as_uri(), width=width, theme=theme)
    browser.run(HELPERS)
    assert browser.run("document.documentElement.scrollWidth") == width
    for anchor in ("main", "training", "classes", "neighbors", "maps", "views"):
        browser.run(f"document.getElementById('{anchor}').scrollIntoView()")
        pixels = np.asarray(Image.open(BytesIO(browser.screenshot())).convert("L"))
        assert pixels.shape == (900, width)
        assert (np.median(pixels) > 200) == (theme == "light")
        assert pixels.std() > 8  # something is drawn
    texts = "['body', '.muted', '.notes', 'nav a', 'td small', 'figcaption', '.card h4 span', 'summary', '.tag']"
    assert browser.run(f"{texts}.every(s => parseFloat(style(s).fontSize) >= 11)")
    # WCAG AA: text differs from its background by a contrast of 4.5.
    contrast = "(a, b) => (Math.max(a, b) + 0.05) / (Math.min(a, b) + 0.05)"
    pairs = f"{texts}.map(s => [s, ({contrast})(light(style(s).color), light(style('body').backgroundColor))])"
    assert {name: ratio for name, ratio in browser.run(pairs) if ratio < 4.5} == {}


def test_the_button_changes_the_theme(browser: Browser, page: Path) -> None:
    browser.open(page.as_uri(), theme="dark")
    background = "getComputedStyle(document.body).backgroundColor"
    dark = browser.run(background)
    browser.run("document.getElementById('theme').click()")
    assert browser.run(background) == "rgb(255, 255, 255)" != dark
    browser.run("localStorage.clear()")


def test_it_reads_without_script(browser: Browser, page: Path) -> None:
    browser.call("Emulation.setScriptExecutionDisabled", value=True)
    try:
        browser.open(page.as_uri())
    finally:
        browser.call("Emulation.setScriptExecutionDisabled", value=False)
    assert browser.run("document.getElementById('filters').offsetHeight") == 0
    assert browser.run("document.querySelectorAll('table.scores')[0].offsetHeight") > 100
    assert browser.run("document.querySelector('.scores td').title").startswith("simclr: ")
    assert browser.run("document.querySelectorAll('.map g title').length") > 0


def test_many_methods_are_grouped_and_filtered_by_family(
    comparison: Callable[..., Path], browser: Browser, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("metaclr.results.store.folder.MIN_GROUPED", 5)
    families = {"simclr": "contrastive", "infonce": "contrastive", "protonet": "few-shot", "r2d2": "few-shot"}
    families |= {"untrained": "control", "pixels": "control"}
    about = About(methods={method: {"family": family} for method, family in families.items()})
    results = load(comparison(methods=tuple(families), targets=("digits",), about=about, settings=SETTINGS[:2]))
    page = tmp_path / "families.html"
    page.write_text(render_report(results, build_tables(results), []), encoding="utf-8")
    browser.open(page.as_uri())
    browser.run(HELPERS)
    headings = "all('.scores tr.family').filter(r => r.offsetHeight).map(r => r.textContent.trim())"
    assert len(browser.run(headings)) == 3
    browser.run("set('family', 'selectedIndex', 1)")
    assert browser.run(headings) == ["Contrastive: positives against negatives, without labels"]
    assert browser.run("shown('.scores tr[data-method]', 'method')") == ["simclr", "infonce"]
