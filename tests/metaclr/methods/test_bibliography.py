"""Every method has BibTeX of its paper, which BibTeX reads without a warning."""

from __future__ import annotations

import re
import shutil
import subprocess
import tomllib
from pathlib import Path

import pytest
from click.testing import CliRunner

from metaclr.cli import cli
from metaclr.methods.bibliography import SOFTWARE, cited, entries
from metaclr.methods.summaries import summaries
from tests.metaclr.results.conftest import build

ROOT = Path(__file__).parents[3]
WITHOUT = {"pixels", "untrained", "supervised", "symmetric_protoclr"}
"""Controls, softmax regression, and a method of this project."""


@pytest.mark.parametrize("method", summaries(), ids=lambda method: method.name)
def test_every_method_cites_its_papers(method) -> None:  # type: ignore[no-untyped-def]
    found = cited(method.reference)
    own = method.name in WITHOUT or "CONTRIBUTING.md" in method.reference  # the worked example, in a copy of the tree
    assert bool(found) != own, method.reference
    for entry in found:
        clauses = [c for c in method.reference.split(";") if entry.year in c]
        letters = [re.sub(r"[^a-z]", "", clause.lower()) for clause in clauses]
        assert any(entry.surname in text for text in letters) or entry.eprint in method.reference, entry.key
        if entry.key.startswith(entry.surname):
            assert entry.key[len(entry.surname) :].startswith(entry.year)
    numbers = re.findall(r"arXiv:(\d{4}\.\d{4,5})", method.reference)
    assert set(numbers) <= {entry.eprint for entry in found}


def test_no_entry_is_left_over_and_the_package_cites_itself_as_its_file_does() -> None:
    used = {entry.key for method in summaries() for entry in cited(method.reference)}
    assert entries().keys() - used == {SOFTWARE}
    version = tomllib.loads((ROOT / "pyproject.toml").read_text())["project"]["version"]
    assert f"Version {version}" in entries()[SOFTWARE].text
    assert (
        re.search(r'^title: "(.*)"', (ROOT / "CITATION.cff").read_text(), flags=re.MULTILINE)[1]
        in entries()[SOFTWARE].text
    )  # type: ignore[index]


def test_the_command_takes_methods_and_folders(tmp_path: Path) -> None:
    folder = build(tmp_path / "c", methods=("simclr", "supcon", "a_b%$", "pixels"), settings=[("few-shot", 5, 1, "")])
    found = CliRunner().invoke(cli, ["cite", str(folder), "protonet"])
    assert found.exit_code == 0, found.exception
    head = found.stdout.split("\n\n")[0].splitlines()
    assert head == [
        "% simclr: chen2020simclr",
        "% supcon: khosla2020supcon",
        "% a_b%$: no entry; no reference",
        "% protonet: snell2017protonet",
    ]
    assert re.findall(r"^@\w+\{(\w+),", found.stdout, flags=re.MULTILINE) == [
        "chen2020simclr", "khosla2020supcon", "snell2017protonet", "metaclr",
    ]  # fmt: skip
    wrong = CliRunner().invoke(cli, ["cite", "simlcr"])
    assert "did you mean 'simclr'" in str(wrong.exception)
    assert "neither a method nor the folder of a comparison" in str(
        CliRunner().invoke(cli, ["cite", str(tmp_path)]).exception
    )


@pytest.mark.skipif(shutil.which("bibtex") is None, reason="bibtex is not installed")
def test_bibtex_reads_every_entry(tmp_path: Path) -> None:
    (tmp_path / "all.bib").write_text("\n\n".join(entry.text for entry in entries().values()), encoding="utf-8")
    cites = "\n".join(rf"\citation{{{key}}}" for key in entries())
    (tmp_path / "all.aux").write_text(f"\\relax\n{cites}\n\\bibstyle{{plain}}\n\\bibdata{{all}}\n")
    done = subprocess.run(["bibtex", "all"], cwd=tmp_path, capture_output=True, text=True, timeout=60, check=False)
    assert done.returncode == 0, done.stdout
    assert "Warning" not in done.stdout, done.stdout
    assert (tmp_path / "all.bbl").read_text().count(r"\bibitem{") == len(entries())
