"""Tables in four formats: numbers, bold, escapes, width, the same bytes twice; the .tex through a real LaTeX."""

from __future__ import annotations

import csv
import io
import re
import shutil
import subprocess
from collections.abc import Callable
from dataclasses import replace
from html.parser import HTMLParser
from pathlib import Path

import pytest

from metaclr.errors import UserError
from metaclr.results.merge.renaming import renamed
from metaclr.results.scores.summary import summarise
from metaclr.results.scores.table_column import TableColumn
from metaclr.results.store.folder import About, load
from metaclr.results.tables.all_tables import build_tables, write_tables
from metaclr.results.tables.formats import RENDERERS, to_csv, to_html, to_markdown
from metaclr.results.tables.latex import tex, to_latex
from metaclr.results.tables.layout import Block, Line, Table, TableCell, split
from metaclr.results.tables.terminal import print_main_table

FAILED = {"byol-glyphs-source-s0": "loss became nan at step 12 (lr 0.001)"}


def table(name: str, *entries: TableCell, label: str = "simclr") -> Table:
    heads = tuple(("few-shot", f"c{i}") for i in range(len(entries)))
    return Table(name, "A title", lambda columns: (Block("t", heads, (Line(label, entries),)),), ("A note.",))


@pytest.mark.parametrize(
    ("entry", "plain"),
    [
        (TableCell(73.14, 0.42), "73.1 ± 0.4"),
        (TableCell(73.14, 0.42, 0.61), "73.1 ± 0.4 (0.6)"),
        (TableCell(99.126, 0.04), "99.13 ± 0.04"),
        (TableCell(99.1, None), "99.1"),
        (TableCell(100.0, 0.0), "100.0 ± 0.0"),
        (TableCell(3.2, 0.5, signed=True, text="n.s."), "+3.2 ± 0.5 n.s."),
        (TableCell(text="failed"), "failed"),
    ],
)
def test_a_cell_says_mean_interval_and_spread(entry: TableCell, plain: str) -> None:
    assert entry.plain == plain


def test_bold_in_each_format() -> None:
    made = table("t", TableCell(73.14, 0.42, bold=True), TableCell(1.0, 0.4))
    assert "| **73.1 ± 0.4** | 1.0 ± 0.4 |" in to_markdown(made)
    assert r"{\bfseries 73.1} {\scriptsize $\pm$ 0.4} & 1.0 {\scriptsize $\pm$ 0.4} \\" in to_latex(made)
    assert "<b>73.1</b> <small>± 0.4</small></td><td>1.0 <small>" in to_html(made)


def test_names_are_escaped() -> None:
    name = r"a_b%$&#{}~^\|<i>*"
    made = table("t", TableCell(1.0, 0.1), label=name)
    assert (
        r"a\_b\%\$\&\#\{\}\textasciitilde{}\textasciicircum{}\textbackslash{}\textbar{}\textless{}i\textgreater{}* &"
        in to_latex(made)
    )
    assert r"| a\_b%\$&\#{}\~^\\\|\<i\>\* |" in to_markdown(made)
    assert "a_b%$&amp;#{}~^\\|&lt;i&gt;*" in to_html(made)
    assert "<i>" not in to_html(made)
    assert tex("Gödel τ 漢") == r"Gödel $\tau$ ?"


def test_csv_has_numbers_in_columns_of_their_own(comparison: Callable[..., Path]) -> None:
    results = load(comparison(methods=("simclr", "a_b%$", "pixels"), seeds=(0, 1)))
    summary = summarise(results)
    lines = list(csv.DictReader(io.StringIO(to_csv(build_tables(results)[0]))))
    assert len(lines) == 3 * len(summary.tasks)
    by_key = {(line["method"], line["target"], line["way"], line["shot"], line["evaluator"]): line for line in lines}
    line = by_key["a_b%$", "digits", "20", "5", "few-shot"]
    s = next(v for (m, t), v in summary.scores.items() if (m, t.target, t.way, t.shot) == ("a_b%$", "digits", 20, 5))
    assert float(line["value"]) == pytest.approx(s.value, abs=1e-4)
    assert float(line["ci95"]) == pytest.approx(s.ci95, abs=1e-4)
    assert float(line["sd"]) == pytest.approx(s.sd, abs=1e-4)
    assert (line["seeds"], line["n"]) == ("2", "2000")
    bold = {(x["method"], x["target"], x["label_subset"], x["evaluator"]) for x in lines if x["bold"] == "1"}
    assert bold >= {(m, t.target, t.label_subset, t.evaluator) for m, t in summary.bold if t.family == "low-label"}


def test_every_table_is_there_and_the_same_twice(comparison: Callable[..., Path]) -> None:
    path = comparison(methods=("simclr", "protoclr", "untrained", "pixels"))
    first = {(f, t.name): RENDERERS[f](t) for t in build_tables(load(path)) for f in RENDERERS}
    names = {name for _, name in first}
    assert names == {"main", "few_shot", "probes", "low_label", "transfer", "differences", "cost", "ranking"}
    again = {(f, t.name): RENDERERS[f](t) for t in build_tables(load(path)) for f in RENDERERS}
    assert again == first
    written = write_tables(path, build_tables(load(path)))
    assert {p.relative_to(path).as_posix() for p in written} == {f"tables/{name}.{f}" for f, name in first}
    assert (path / "tables/main.md").read_text() == first["md", "main"]


def test_footnotes_say_the_protocol(comparison: Callable[..., Path]) -> None:
    text = to_markdown(build_tables(load(comparison(methods=("simclr", "untrained"), seeds=(0, 1))))[0])
    for said in (
        "2,000 stored episodes", "15 queries per way", "cosine on frozen features", "2 training seeds",
        "Holm-corrected",
        "400 steps, 102,400 views seen", "conv4 (width 64)", "shared by all methods", "running statistics",
        "same encoder with random weights",
    ):  # fmt: skip
        assert said in text, said


@pytest.mark.parametrize("count", [1, 2, 3])
def test_notes_say_what_intervals_speak_about(comparison: Callable[..., Path], count: int) -> None:
    tables = build_tables(load(comparison(methods=("simclr", "untrained"), seeds=tuple(range(count)))))
    encoders = "new classes (with their images) of the same kind, for these trained encoders"
    methods = "new classes (with their images) of the same kind and new trainings"
    for table in (t for t in tables if t.name in ("main", "few_shot", "differences", "transfer")):
        text = " ".join(table.notes)
        assert (methods if count >= 3 else encoders) in text, table.name
        assert (encoders if count >= 3 else methods) not in text, table.name
    probes = " ".join(next(t for t in tables if t.name == "probes").notes)
    assert "these classes, this training part, these trained encoders" in probes
    assert "new classes" not in probes
    (main,) = (t for t in tables if t.name == "main")
    assert "ci95_episodes" in " ".join(main.notes)
    few = [r for r in main.records if r["evaluator"] == "few-shot"]
    assert all(r["ci95"] > r["ci95_episodes"] > 0 for r in few)
    assert all((r["ci95"] == r["ci95_encoders"]) == (count < 3) for r in few)
    assert all(r["ci95_episodes"] is None for r in main.records if r["evaluator"] != "few-shot")


def test_notes_say_queries_and_pool(comparison: Callable[..., Path]) -> None:
    path = comparison(methods=("simclr", "untrained"))
    rows = path / "rows.csv"
    rows.write_text(
        re.sub(r"(d[13]digits; head=cosine); query=15", r"\1; query=7", rows.read_text())
    )  # the 5-shot tables
    text = " ".join(build_tables(load(path))[0].notes)
    assert "15 queries per way (fewer where a class has fewer images: digits 5-shot 7)" in text
    assert "drawn from glyphs:held-out: 60 classes, 1,200 images; digits: 60 classes, 1,200 images" in text


def test_where_the_test_is_undefined_no_star_and_the_note_says_why(comparison: Callable[..., Path]) -> None:
    path = comparison(methods=("simclr", "untrained"), targets=("digits",))
    (path / "episode_classes.npz").unlink()
    main, *rest = build_tables(load(path))
    assert not any(r["bold"] for r in main.records if r["evaluator"] == "few-shot")
    why = "the classes of the episodes are not stored (episode_classes.npz)"
    assert f"Nothing is bold in digits, 5-way 1-shot: {why}." in main.notes
    differences = next(t for t in rest if t.name == "differences")
    assert f"no test, digits, 5-way 1-shot: {why}." in differences.notes
    assert "no test" in to_markdown(differences)
    assert all(r["p_holm"] is None for r in differences.records if r["evaluator"] == "few-shot")


def test_methods_that_see_labels_are_named(comparison: Callable[..., Path]) -> None:
    seen = About(methods={"simclr": {"labels": "no"}, "protonet": {"labels": "yes"}, "pixels": {"labels": ""}})
    results = load(comparison(methods=("simclr", "protonet", "pixels"), about=seen))
    text = to_markdown(build_tables(results)[0])
    assert "Trained on the source's labels: protonet; every other method sees images alone." in text
    unsaid = replace(results, about=About())
    assert "source's labels" not in to_markdown(build_tables(unsaid)[0])


def test_own_views_and_unequal_budgets_are_said(comparison: Callable[..., Path]) -> None:
    path = comparison(methods=("simclr", "protoclr"))
    recipe = path / "recipe.toml"
    recipe.write_text(recipe.read_text().replace('views_mode = "shared"', 'views_mode = "per_method"'))
    rows = path / "rows.csv"
    rows.write_text(re.sub(r"(\nprotoclr.*?,protoclr,.*?,conv4,0,)400", r"\g<1>800", rows.read_text()))
    text = to_markdown(build_tables(load(path))[0])
    assert "each method's own (not held fixed)" in text
    assert "NOT EQUAL" in text


def test_a_failed_method_is_named_with_its_reason(comparison: Callable[..., Path]) -> None:
    path = comparison(methods=("simclr", "byol", "pixels"), missing=("byol",), about=About(failures=FAILED))
    text = to_markdown(build_tables(load(path))[0])
    assert "| byol | failed | failed |" in text
    assert "loss became nan at step 12" in text
    assert text.index("| simclr |") < text.index("| byol |") < text.index("| pixels |")


@pytest.mark.parametrize(
    "options",
    [
        {"methods": ("simclr",)},
        {"methods": ("pixels",), "targets": ("digits",)},
        {"methods": ("simclr", "pixels"), "targets": ("digits",), "settings": [("linear", None, None, "all")]},
        {"methods": ("simclr", "pixels"), "sources": ("glyphs:source", "omniglot:train"), "seeds": (3,)},
    ],
)
def test_small_and_lopsided_comparisons(comparison: Callable[..., Path], options: dict[str, object]) -> None:
    results = load(comparison(**options))
    for made in build_tables(results):
        for render in RENDERERS.values():
            assert "nan" not in render(made).lower().replace("tenant", "")
        assert all(len(block.lines) for block in made.lay(4))


def test_reference_of_differences_can_be_chosen(comparison: Callable[..., Path]) -> None:
    results = load(comparison(methods=("simclr", "protoclr", "untrained")))
    made = {t.name: t for t in build_tables(results, reference="simclr")}["differences"]
    assert {r["method"] for r in made.records} == {"protoclr", "untrained"}
    values = {r["method"]: r["difference"] for r in made.records if r["target"] == "digits" and r["way"] == 5}
    assert values["protoclr"] > 0 > values["untrained"]
    with pytest.raises(UserError, match="did you mean 'simclr'"):
        build_tables(results, reference="simlcr")


def tasks(*targets: str) -> list[TableColumn]:
    few = [("few-shot", way, shot, "") for way in (5, 20) for shot in (1, 5)]
    probes = [("linear", None, None, "all"), ("knn", None, None, "all")]
    low = [(f"low-label {m}", None, None, f"{n} per class") for m in ("frozen", "finetune") for n in (1, 2, 3)]
    return [TableColumn("s", t, e, w, k, x, "accuracy") for t in targets for e, w, k, x in [*few, *probes, *low]]


@pytest.mark.parametrize(
    ("limit", "sizes"), [(24, [24]), (12, [12, 12]), (6, [6, 6] * 2), (4, [4, 2, 3, 3] * 2), (1, [1] * 24)]
)
def test_wide_tables_are_split_between_targets_first(limit: int, sizes: list[int]) -> None:
    parts = split(tasks("a", "b"), limit)
    assert [len(part) for part in parts] == sizes
    assert [t for part in parts for t in part] == tasks("a", "b")


def test_terminal_keeps_its_width_and_its_numbers(comparison: Callable[..., Path]) -> None:
    path = comparison(methods=("simclr", "protoclr", "pixels"), seeds=(0, 1))
    for width in (60, 80, 140):
        out = io.StringIO()
        print_main_table(path, width=width, file=out)
        text = out.getvalue()
        assert max(map(len, text.splitlines())) <= width
        assert all(column in text for column in ("20-way 5-shot", "kNN", "5 per class (1300)"))
        summary = summarise(load(path))
        for method, task in summary.bold:
            s = summary.scores[method, task]
            assert f"{s.value:.1f} ± {s.ci95:.1f} ({s.sd:.1f})*" in text


class _Balanced(HTMLParser):
    """Every tag that is opened is closed, in order."""

    def __init__(self) -> None:
        super().__init__()
        self.open: list[str] = []

    def handle_starttag(self, tag: str, attrs: object) -> None:
        if tag not in ("meta", "img", "br"):
            self.open.append(tag)

    def handle_endtag(self, tag: str) -> None:
        assert self.open.pop() == tag


def test_html_is_well_formed(comparison: Callable[..., Path]) -> None:
    for made in build_tables(load(comparison(methods=("a_b%$", "simclr", "pixels")))):
        parser = _Balanced()
        parser.feed(to_html(made))
        assert not parser.open


LONG = {
    "simclr": "protonet(labels=cluster, projector=none, temperature=0.1)",
    "protoclr": "A method with a long name in words, as people give them",
    "digits": "my/photos/of/handwritten/digits",
}


@pytest.mark.skipif(shutil.which("pdflatex") is None, reason="pdflatex is not installed")
@pytest.mark.parametrize("two_column", [False, True])
def test_latex_compiles_and_fits_the_page(comparison: Callable[..., Path], tmp_path: Path, two_column: bool) -> None:
    about = About(
        failures=FAILED, remarks=("50 % of a_b & c: 漢字 <x>", *(f"Remark {i}. {'word ' * 60}" for i in range(9)))
    )
    results = load(comparison(seeds=(0, 1), missing=("byol",), about=about))
    tables = [*build_tables(results), *build_tables(renamed(results, LONG))]
    many = tuple(Line(f"method {i}", (TableCell(50.0, 1.0),)) for i in range(90))
    tables.append(replace(tables[0], name="many", lay=lambda _: (Block("", (("few-shot", "5-way"),), many),)))
    published = Line("ProtoNet", (TableCell(98.8),), True, "published", "snell2017protonet")
    tables.append(replace(tables[0], lay=lambda _: (Block("", (("few-shot", "5-way"),), (published,)),)))
    wide = tables[0].lay(4)
    title = "omniglot_strokes:held-out, 20-way 1-shot, 1000 episodes a side, trained on glyphs:source and more"
    tables.append(replace(tables[0], name="titled", lay=lambda _: tuple(replace(block, title=title) for block in wide)))
    body = r"\clearpage ".join(to_latex(made, two_column=two_column) for made in tables)
    # A file of a results folder fits both kinds of articles; one that is laid out for two columns needs their page.
    for options in ("[twocolumn]",) if two_column else ("", "[twocolumn]"):
        preamble = rf"\documentclass{options}{{article}}\usepackage{{booktabs}}\begin{{document}}"
        (tmp_path / "all.tex").write_text(preamble + body + r"\end{document}")
        done = subprocess.run(
            ["pdflatex", "-halt-on-error", "-interaction=nonstopmode", "all.tex"],
            cwd=tmp_path, capture_output=True, text=True, timeout=120, check=False,
        )  # fmt: skip
        assert done.returncode == 0, done.stdout[-1500:]
        assert "Overfull" not in done.stdout
        assert "Float too large" not in done.stdout
