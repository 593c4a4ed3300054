"""Trainings and comparisons that start from given weights, which tables name."""

from __future__ import annotations

from pathlib import Path

import pytest
import torch
from click.testing import CliRunner

import metaclr
from metaclr.cli import cli
from metaclr.errors import UserError
from metaclr.networks.saved_encoder import open_encoder
from tests.metaclr.comparison import small

TINY = ("size=16", "encoder.options={width=8}", "train.batch_views=16")
STILL = "train.lr=1e-30"  # steps that move no weight: what is trained is where it started


def weights(folder: Path) -> dict[str, torch.Tensor]:
    """Trained parameters; running statistics move without a gradient."""
    net, _ = open_encoder(folder / "encoder.safetensors")
    return dict(net.named_parameters())


def same(a: dict[str, torch.Tensor], b: dict[str, torch.Tensor]) -> bool:
    return all(torch.equal(a[name], b[name]) for name in a)


@pytest.fixture(scope="module")
def first(tmp_path_factory: pytest.TempPathFactory) -> Path:
    out = tmp_path_factory.mktemp("first") / "run"
    metaclr.train("simclr", small.stripes(), overrides=TINY, steps=3, seed=5, out=out, device="cpu", quiet=True)
    return out


def test_a_training_starts_from_a_run_or_a_file(first: Path, tmp_path: Path) -> None:
    still = {"overrides": ["train.batch_views=16", STILL], "steps": 1, "device": "cpu", "quiet": True}
    metaclr.train("protoclr", small.stripes(), start=first, out=tmp_path / "run", **still)  # type: ignore[arg-type]
    assert same(weights(first), weights(tmp_path / "run")), "network, size and weights are those of the run"
    net, _ = open_encoder(first / "encoder.safetensors")
    torch.save({"state_dict": {f"module.encoder_q.{k}": v for k, v in net.state_dict().items()}}, tmp_path / "last.pth")
    file = {**still, "overrides": [*TINY, STILL], "start": tmp_path / "last.pth"}
    metaclr.train("byol", small.stripes(), out=tmp_path / "file", **file)  # type: ignore[arg-type]
    assert same(weights(first), weights(tmp_path / "file"))
    metaclr.train("byol", small.stripes(), out=tmp_path / "random", **{**file, "start": None})  # type: ignore[arg-type]
    assert not same(weights(first), weights(tmp_path / "random"))


def test_other_weights_are_another_training(first: Path, tmp_path: Path) -> None:
    start = tmp_path / "start"
    start.mkdir()
    (start / "encoder.safetensors").write_bytes((first / "encoder.safetensors").read_bytes())
    how = {"overrides": ["train.batch_views=16"], "device": "cpu", "quiet": True, "out": tmp_path / "out"}
    metaclr.train("simclr", small.stripes(), start=start, steps=1, **how)  # type: ignore[arg-type]
    metaclr.train("simclr", small.stripes(), start=first, steps=2, **how)  # type: ignore[arg-type]
    metaclr.train("simclr", small.stripes(), overrides=TINY, steps=1, seed=6, out=start, device="cpu", quiet=True)
    with pytest.raises(UserError, match=r"encoder\.start weights = '[0-9a-f]+' before"):
        metaclr.train("simclr", small.stripes(), start=start, steps=3, **how)  # type: ignore[arg-type]


def test_a_comparison_names_the_weights(first: Path, tmp_path: Path) -> None:
    overrides = [line for line in small.SETTINGS if not line.startswith(("size", "encoder"))]
    result = metaclr.compare(
        "glyphs",
        methods=["protoclr"],
        sources={"source": small.stripes(name="ours")},
        targets={"target": small.stripes(6, 16, name="theirs")},
        start=first,
        seeds=[0, 1],
        overrides=[*overrides, "evaluate.low_label=false", "evaluate.linear=false"],
        out=tmp_path / "out",
        device="cpu",
        quiet=True,
    )
    given = metaclr.evaluate(
        metaclr.load(first),
        {"target": small.stripes(6, 16, name="theirs")},
        overrides=[line for line in overrides if line.startswith("evaluate.few_shot")] + ["evaluate.low_label=false"],
        device="cpu",
    ).rows
    start = result.rows[(result.rows.method == "untrained") & (result.rows.evaluator == "few-shot")]
    assert (
        start.value.tolist() == 2 * given[(given.method == "encoder") & (given.evaluator == "few-shot")].value.tolist()
    )
    for options in ((), ("--notes", "short")):
        text = CliRunner().invoke(cli, ["table", str(result.folder), "--format", "md", *options]).stdout
        assert f"the weights of {first}" in text.replace("\\_", "_")
    assert (
        "untrained is the encoder with the weights that all start from"
        in (result.folder / "tables/main.md").read_text()
    )


def test_weights_that_do_not_fit_are_refused(first: Path, tmp_path: Path) -> None:
    def train(start: object, *overrides: str) -> None:
        metaclr.train("simclr", small.stripes(), start=start, steps=1, overrides=overrides, device="cpu", quiet=True)  # type: ignore[arg-type]

    with pytest.raises(UserError, match=r"encoder\.start = .* is \(8, 1, 3, 3\), the network needs \(4, 1, 3, 3\)"):
        train(first, "encoder.options={width=4}")
    with pytest.raises(UserError, match=r"encoder\.start = .*: no such file; name the folder"):
        train(tmp_path / "none")
    with pytest.raises(UserError, match=r"a folder without encoder\.safetensors"):
        train(tmp_path)
