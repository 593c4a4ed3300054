"""Encoders that were trained elsewhere: nothing is said of a training, and a comparison is never overwritten."""

from itertools import count
from pathlib import Path
from types import SimpleNamespace

import pytest
from torch import Tensor, nn

import metaclr
from metaclr.errors import UserError
from metaclr.results.store.rows import read_rows, write_rows
from tests.metaclr.comparison.small import stripes

SMALL = (
    "evaluate.few_shot.ways=[4]", "evaluate.few_shot.shots=[1]", "evaluate.few_shot.query=4",
    "evaluate.few_shot.episodes=40", "evaluate.low_label=false", "evaluate.linear=false",
)  # fmt: skip


class Means(nn.Module):
    """Mean of each row of pixels."""

    features = 16

    def forward(self, pixels: Tensor) -> Tensor:
        return pixels.mean((1, 3))


def evaluate(out: Path) -> metaclr.Comparison:
    return metaclr.evaluate({"means": Means()}, {"bars": stripes(6, 16)}, size=16, out=out, overrides=SMALL)


def test_the_notes_speak_of_no_training(tmp_path: Path) -> None:
    result = evaluate(tmp_path / "out")
    table = (result.folder / "tables" / "main.md").read_text()
    assert "The encoders were trained elsewhere." in table
    for page in (table, result.report.read_text()):
        assert "training seed" not in page
        assert "gentle" not in page
    evaluate(tmp_path / "out")  # its own folder may be written again


def test_a_long_evaluation_says_what_it_works_on(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    # A clock that is 20 s later at every look.
    monkeypatch.setattr("metaclr.console.time", SimpleNamespace(monotonic=count(1e12, 20).__next__))
    evaluate(tmp_path / "out")
    lines = capsys.readouterr().err.splitlines()
    assert lines[0].startswith("means  0/1  bars: features")
    assert [line.split("  ")[1:3] for line in lines[1:3]] == [["0/2", "bars: few-shot"], ["1/2", "bars: knn"]]
    assert any(line.startswith("pixels  ") for line in lines)
    metaclr.evaluate(Means(), {"bars": stripes(6, 16)}, size=16, overrides=SMALL, quiet=True)
    assert not capsys.readouterr().err


def test_a_comparison_is_never_overwritten(tmp_path: Path) -> None:
    out = evaluate(tmp_path / "out").folder
    rows = [row for row in read_rows(out / "rows.csv") if row.method == "pixels"]
    for row in rows:
        object.__setattr__(row, "source", "glyphs:source")
    write_rows(out / "rows.csv", rows)
    before = (out / "rows.csv").read_bytes()
    with pytest.raises(UserError, match="holds the results of a comparison; name another --out"):
        evaluate(out)
    assert (out / "rows.csv").read_bytes() == before
