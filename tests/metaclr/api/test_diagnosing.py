"""`metaclr diagnose` on a real comparison, encoder files and embeddings; what it refuses."""

from __future__ import annotations

import csv
from pathlib import Path

import numpy as np
import pytest
import torch

import metaclr
from episodes import ImageSet
from metaclr.api.subjects import find_subjects
from metaclr.comparison.run_networks import run_networks
from metaclr.data import load
from metaclr.diagnose import uniformity
from metaclr.diagnose.spectrum import singular_values
from metaclr.errors import UserError

TINY = ("train.batch_views=32", "evaluate.few_shot.episodes=10", "evaluate.low_label=false", "evaluate.linear=false",
        "encoder.options={width=8}", "encoder.projector_dim=16", "evaluate.knn=false")  # fmt: skip


@pytest.fixture(scope="module")
def comparison(tmp_path_factory: pytest.TempPathFactory) -> Path:
    out = tmp_path_factory.mktemp("comparison") / "tiny"
    metaclr.compare(
        methods=["simclr", {"name": "directclr", "label": "direct"}],
        targets=["digits"],
        steps=2,
        overrides=TINY,
        out=out,
        quiet=True,
    )
    return out


def test_a_comparison_is_measured_layer_by_layer(comparison: Path, tmp_path: Path) -> None:
    images = load("digits", size=28, channels=1).select(torch.arange(400))
    found = metaclr.diagnose_runs([str(comparison)], images, layers=["features", "projected"], out=tmp_path, n_views=3)
    named = {(one.group, one.layer): one for one in found.measured}
    # The pixels have no encoder; directclr and untrained have no projector.
    assert {layer for group, layer in named if group != "simclr"} == {"features"}
    assert {group for group, _ in named} == {"simclr", "direct", "untrained"}
    encoder = metaclr.load(comparison / "runs" / "simclr-glyphs-source-s0")
    rows = encoder.embed(images)
    features = named["simclr", "features"]
    assert features.numbers["uniformity"] == pytest.approx(uniformity(rows), rel=1e-6)
    variances = singular_values(rows, centered=True, unit=True).square() / (len(rows) - 1)
    torch.testing.assert_close(features.variances, variances, rtol=1e-4, atol=1e-9)
    networks = run_networks(comparison / "runs" / "simclr-glyphs-source-s0", 8)
    assert networks is not None
    assert networks.projector is not None
    with torch.inference_mode():
        projected = networks.projector(rows)
    assert named["simclr", "projected"].numbers["uniformity"] == pytest.approx(uniformity(projected), rel=1e-5)
    assert named["simclr", "projected"].numbers["dimensions"] == 16
    penalty = named["simclr", "projected"].penalty
    assert penalty is not None
    torch.testing.assert_close(penalty.measured, penalty.boltzmann, rtol=1e-5, atol=1e-7)

    with (tmp_path / "tables" / "diagnosis.csv").open() as file:
        table = list(csv.DictReader(file))
    assert len(table) == 4
    assert {row["layer"] for row in table} == {"features", "projected"}
    assert float(table[0]["tolerance"]) == pytest.approx(found.measured[0].numbers["tolerance"], abs=1e-4)
    assert found.page is not None
    page = found.page.read_text(encoding="utf-8")
    assert "has no projector" in page
    assert 'src="http' not in page
    for name in ("spectrum", "similarities", "penalty", "map", "neighbors", "alignment-uniformity"):
        assert (tmp_path / "figures" / f"{name}.png").stat().st_size > 5000
    assert (tmp_path / "tables" / "diagnosis.md").is_file()


def test_the_same_views_for_every_encoder(comparison: Path) -> None:
    run = str(comparison / "runs" / "simclr-glyphs-source-s0")
    first, second = (metaclr.diagnose_runs([run], "digits", n_views=2).measured[0] for _ in range(2))
    assert first.numbers == second.numbers
    strong = metaclr.diagnose_runs([run], "digits", n_views=2, views="strong").measured[0]
    assert strong.numbers["alignment"] > first.numbers["alignment"]
    same = metaclr.diagnose_runs([run], "digits", n_views=2, views="identity").measured[0]
    assert same.numbers["alignment"] == pytest.approx(0, abs=1e-6)


def test_images_without_labels(comparison: Path) -> None:
    source = torch.Generator().manual_seed(0)
    images = ImageSet(torch.randint(0, 255, (40, 1, 28, 28), generator=source, dtype=torch.uint8), name="noise")
    file = comparison / "runs" / "direct-glyphs-source-s0" / "encoder.safetensors"
    (one,) = metaclr.diagnose_runs([str(file)], images, n_views=2).measured
    assert "tolerance" not in one.numbers
    assert {"uniformity", "lidar", "hubness"} <= set(one.numbers)


def test_embeddings_as_files(tmp_path: Path) -> None:
    rows = torch.randn(300, 5, generator=torch.Generator().manual_seed(0))
    np.save(tmp_path / "plain.npy", rows.numpy())
    np.savez(tmp_path / "named.npz", features=rows.numpy(), labels=np.arange(300) % 3)
    plain, named = metaclr.diagnose_runs([str(tmp_path / "plain.npy"), str(tmp_path / "named.npz")]).measured
    assert plain.numbers["uniformity"] == named.numbers["uniformity"] == pytest.approx(uniformity(rows))
    assert "simplex" in named.numbers
    assert "alignment" not in plain.numbers
    np.savez(tmp_path / "words.npz", features=rows.numpy(), labels=np.array(["owl", "wren", "tit"])[np.arange(300) % 3])
    (words,) = metaclr.diagnose_runs([str(tmp_path / "words.npz")]).measured
    assert words.numbers["simplex"] == pytest.approx(named.numbers["simplex"])


@pytest.mark.parametrize(
    ("names", "options", "says"),
    [
        (["nowhere"], {}, "no such folder or file"),
        (["."], {}, "no encoder.safetensors in it"),
        (["x.npy"], {"layers": ["feature"]}, "did you mean 'features'"),
        (["integers.npy"], {}, "embeddings are floats"),
        (["broken.npz"], {}, "not an array"),
        (["empty.npz"], {}, "not an array"),
        (["short.npz"], {}, r"they must be \(M,\)"),
        (["good.npy", "good.npy"], {}, "the name of two encoders"),
    ],
)
def test_refusals(
    names: list[str], options: dict[str, list[str]], says: str, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.chdir(tmp_path)
    np.save("integers.npy", np.arange(12).reshape(3, 4))
    np.save("good.npy", np.eye(4, dtype=np.float32))
    np.savez("broken.npz", other=np.eye(3))
    np.savez("short.npz", features=np.eye(3), labels=np.arange(2))
    Path("empty.npz").write_bytes(b"")
    with pytest.raises(UserError, match=says):
        metaclr.diagnose_runs(names, **options)  # type: ignore[arg-type]


def test_a_projector_that_is_not_there(comparison: Path) -> None:
    run = comparison / "runs" / "direct-glyphs-source-s0"
    with pytest.raises(UserError, match="nothing to measure: direct-glyphs-source-s0: no layer 'projected'"):
        metaclr.diagnose_runs([str(run)], "digits", layers=["projected"])
    (subject,) = find_subjects([str(run)], channels=1, size=28)
    assert subject.group == "direct"
