"""`metaclr table A B`: merged folders give the table of one comparison of all their methods, or are refused by name."""

from __future__ import annotations

import csv
import io
import re
from pathlib import Path

import pytest
from click.testing import CliRunner

from metaclr.cli import cli
from metaclr.results.store.folder import load
from metaclr.results.store.rows import read_rows, write_rows
from tests.metaclr.results.conftest import build

CONTROLS = ("untrained", "pixels")
ALL = ("simclr", "protonet", "supcon", *CONTROLS)
SETTINGS = [("few-shot", 5, 1, ""), ("few-shot", 20, 1, ""), ("linear", None, None, "all")]


def table(*arguments: object) -> str:
    """What the command prints; fails on an error."""
    found = CliRunner().invoke(cli, ["table", *map(str, arguments)])
    assert found.exit_code == 0, found.exception
    return found.stdout


def refused(*arguments: object) -> str:
    found = CliRunner().invoke(cli, ["table", *map(str, arguments)])
    assert found.exit_code != 0
    return str(found.exception)


@pytest.fixture
def two(tmp_path: Path) -> tuple[Path, Path]:
    a = build(tmp_path / "a", methods=("simclr", "protonet", *CONTROLS), settings=SETTINGS)
    b = build(tmp_path / "b", methods=("supcon", *CONTROLS), settings=SETTINGS)
    return a, b


def change(path: Path, old: str, new: str) -> None:
    text = path.read_text(encoding="utf-8")
    assert old in text
    path.write_text(text.replace(old, new), encoding="utf-8")


@pytest.mark.parametrize("name", ["main", "differences", "cost"])
def test_two_folders_give_the_table_of_one(two: tuple[Path, Path], tmp_path: Path, name: str) -> None:
    one = build(tmp_path / "one", methods=ALL, settings=SETTINGS)
    shape = "--format", "csv", "--name", name
    assert table(*two, *shape) == table(one, *shape)


def test_seeds_of_a_method_add_up(tmp_path: Path) -> None:
    methods = ("simclr", "supcon", "untrained")
    parts = [build(tmp_path / f"s{s}", methods=methods, settings=SETTINGS, seeds=(s,)) for s in range(3)]
    one = build(tmp_path / "one", methods=methods, settings=SETTINGS, seeds=(0, 1, 2))
    assert table(*parts, "--format", "csv") == table(one, "--format", "csv")


def test_columns_that_one_folder_lacks_are_not_measured(tmp_path: Path) -> None:
    a = build(tmp_path / "a", methods=("simclr",), settings=SETTINGS[:1], targets=("digits",))
    b = build(tmp_path / "b", methods=("supcon",), settings=SETTINGS[:2], targets=("digits",))
    text = table(a, b, "--format", "md")
    assert re.search(r"\| simclr \| \**[\d.]+ ± [\d.]+\** \| – \|", text)
    assert "–: not measured" in text


@pytest.mark.parametrize(
    ("file", "old", "new", "says"),
    [
        ("recipe.toml", "steps = 400", "steps = 800", "train.steps is 400 and 800"),
        ("recipe.toml", "size = 28", "size = 32", "size is 28 and 32"),
        ("recipe.toml", "width = 64", "width = 32", "encoder.options.width is 64 and 32"),
        ("recipe.toml", 'views = "gentle"', 'views = "simclr"', "views is gentle and simclr"),
        ("rows.csv", "head=cosine", "head=ridge", "glyphs:held-out, 5-way 1-shot: head is cosine and ridge"),
    ],
)
def test_a_setting_that_differs_is_refused_and_may_be_allowed(
    two: tuple[Path, Path], file: str, old: str, new: str, says: str
) -> None:
    change(two[1] / file, old, new)
    line = refused(*two)
    assert says in line
    assert f"{two[0]} and {two[1]}" in line
    allow = re.findall(r"--allow \S+?(?=[ ;])", line)
    text = table(*two, *[word for one in allow for word in one.split()], "--format", "md", "--notes", "short")
    assert "NOT the same: " in text


def test_other_episodes_are_never_allowed(two: tuple[Path, Path]) -> None:
    change(two[1] / "rows.csv", "digest=d0digits", "digest=other")
    line = refused(*two, "--allow", "digest")
    assert "digits, 5-way 1-shot: digest is d0digits and other" in line
    assert "leave one folder out" in line


def test_one_method_with_two_results_needs_two_names(two: tuple[Path, Path]) -> None:
    a, b = two
    change(b / "recipe.toml", '"supcon"', '"simclr"\nsettings = { temperature = 1.0 }\nlabel = "simclr"')
    rows = read_rows(b / "rows.csv")
    (b / "per_item" / "supcon-glyphs-source-s0.npz").unlink()
    write_rows(
        b / "rows.csv", [type(row)(**(vars(row) | {"method": row.method.replace("supcon", "simclr")})) for row in rows]
    )
    line = refused(a, b)
    assert f"--rename '{b}:simclr=NEW'" in line
    assert "{'temperature': 1.0}" in line
    text = table(a, b, "--rename", f"{b}:simclr=hot", "--format", "md")
    assert "| simclr | " in text
    assert "| hot | " in text


def test_names_methods_columns_decimals_and_notes(two: tuple[Path, Path]) -> None:
    options = (
        "--methods", "supcon,simclr,pixels", "--rename", "supcon=SupCon", "--rename", "glyphs:held-out=held out",
        "--rename", "pixels=raw pixels", "--columns", "linear, 5-way 1-shot", "--decimals", "2",
    )  # fmt: skip
    text = table(*two, *options, "--format", "md", "--notes", "none")
    heads = (
        "held out: all labels, linear probe | digits: all labels, linear probe | held out: few-shot, 5-way 1-shot | "
    )
    assert f"| method | {heads}digits: few-shot, 5-way 1-shot |" in text
    names = re.findall(r"^\| ([\w ]+) \| \**\d", text, flags=re.MULTILINE)
    assert names == ["SupCon", "simclr", "raw pixels"]
    assert re.search(r"\| \d\d\.\d\d ± \d\.\d\d \|", text)
    full, short = (table(*two, *options, "--format", "md", "--notes", kind) for kind in ("full", "short"))
    assert len(full) > 1.5 * len(short) > len(text)
    assert "Methods: 3 of 5; tests are between these." in full
    assert "Columns: 4 of 6; tests are corrected over all." in full
    assert "raw pixels has no encoder" in full
    made = table(*two, *options, "--format", "tex", "--caption", "Ours & theirs.", "--label", "tab:x", "--two-column")
    assert r"\caption{Ours \& theirs.}" in made
    assert r"\label{tab:x}" in made
    assert r"\begin{table*}" in made


def test_choosing_columns_leaves_every_test_as_it_was(two: tuple[Path, Path]) -> None:
    def p_values(*more: str) -> dict[tuple[str, str, str], str]:
        lines = csv.DictReader(io.StringIO(table(*two, "--format", "csv", "--name", "differences", *more)))
        return {(x["target"], x["way"], x["method"]): x["p_holm"] for x in lines if x["evaluator"] == "few-shot"}

    few = p_values("--columns", "digits 5-way")
    assert few
    every = p_values()
    assert few == {key: every[key] for key in few}


def test_published_figures_are_apart_and_in_no_test(two: tuple[Path, Path], tmp_path: Path) -> None:
    papers = tmp_path / "papers.csv"
    papers.write_text("method,cite,column,value,ci95\nProtoNet,snell2017protonet,digits 5-way 1-shot,99.9,0.1\n")
    plain, text = table(*two, "--format", "md"), table(*two, "--format", "md", "--published", papers)
    measured = [line for line in plain.splitlines() if "± " in line]
    assert all(line in text for line in measured), "bold entries are those of the measured methods"
    assert re.search(
        r"\| \*published, under.*\n\| ProtoNet \\\[snell2017protonet\\\] \|( – \|)* 99.9 ± 0.1 \|( – \|)*\n", text
    )
    assert "they are in no test" in text
    assert r"ProtoNet~\cite{snell2017protonet} & 99.9" in table(*two, "--format", "tex", "--published", papers)
    line = csv.DictReader(io.StringIO(table(*two, "--format", "csv", "--published", papers)))
    assert [(x["method"], x["bold"]) for x in line if x["cite"]] == [("ProtoNet", "0")]


@pytest.mark.parametrize(
    ("line", "says"),
    [
        (
            "P,key,digits 7-way,50,",
            "line 2: no column has the words 'digits 7-way'; there are: glyphs:held-out: few-shot",
        ),
        ("P,key,5-way 1-shot,50,", "may be glyphs:held-out: few-shot: 5-way 1-shot; digits: few-shot: 5-way 1-shot"),
        ("P,key,digits linear,0.5x,", "value is '0.5x'; it must be a number in percent"),
        ("P,a key,digits linear,50,", "cite is 'a key'; it must be a BibTeX key"),
        ("P,,digits linear,50,", "line 2: empty"),
    ],
)
def test_published_files_that_do_not_fit(two: tuple[Path, Path], tmp_path: Path, line: str, says: str) -> None:
    papers = tmp_path / "papers.csv"
    papers.write_text(f"method,cite,column,value,ci95\n{line}\n")
    assert says in refused(*two, "--published", papers)


def test_wrong_names_get_one_line(two: tuple[Path, Path], tmp_path: Path) -> None:
    assert "did you mean 'simclr'" in refused(*two, "--methods", "simlcr")
    assert "there is a method 'protonet' already" in refused(two[0], "--rename", "simclr=protonet")
    assert "write OLD=NEW" in refused(*two, "--rename", "simclr")
    assert "did you mean 'simclr'" in refused(*two, "--rename", "simclrr=x")
    assert "no column has the words '7-way'" in refused(*two, "--columns", "7-way")
    assert "no rows.csv" in refused(two[0], tmp_path)


def test_a_failure_keeps_its_method_under_a_new_name(tmp_path: Path) -> None:
    from metaclr.results.merge.renaming import renamed
    from metaclr.results.store.folder import About

    about = About(failures={"byol-glyphs-source-s0": "loss became nan"})
    results = load(build(tmp_path / "a", methods=("simclr", "byol"), missing=("byol",), settings=SETTINGS, about=about))
    assert renamed(results, {"byol": "BYOL (no warmup)"}).failed.keys() == {"BYOL (no warmup)"}
