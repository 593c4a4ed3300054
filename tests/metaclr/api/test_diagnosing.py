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
from metaclr.comparison.folders.run_networks import run_networks
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


def test_encoders_from_elsewhere_are_measured_as_evaluate_does(tmp_path: Path) -> None:
    from torchvision.models import resnet18

    with torch.random.fork_rng():
        torch.manual_seed(0)
        torch.save(resnet18(weights=None).state_dict(), tmp_path / "own.pth")
    (tmp_path / "own.py").write_text("import torch\ndef build(): return torch.nn.AvgPool2d(4)\n", encoding="utf-8")
    images = load("digits", size=28, channels=1).select(torch.arange(120))
    form = {"size": 32, "channels": 3, "arch": "torchvision:resnet18"}
    names = {Path(name).name: name for name in (str(tmp_path / "own.pth"), f"{tmp_path / 'own.py'}:build")}
    given = {name: metaclr.pretrained(path, **form) for name, path in names.items()}
    rows = metaclr.evaluate(given, {"digits": images}, size=32, channels=3, overrides=TINY[1:4] + TINY[6:])
    measured = metaclr.diagnose_runs(list(names.values()), images, n_views=2, **form).measured
    assert [one.label for one in measured] == list(names)
    for one in measured:
        row = rows.rows[rows.rows.method == one.label].iloc[0]
        for name in ("uniformity", "rank", "spread", "tolerance"):
            assert one.numbers[name] == pytest.approx(row[name], rel=1e-4), (one.label, name)
    (subject,) = find_subjects([names["own.pth"]], arch="torchvision:resnet18")
    assert (subject.size, subject.channels) == (224, 3)  # its own
    assert "weights: own.pth" in subject.notes


def test_a_timm_model_has_its_own_size_and_normalization(monkeypatch: pytest.MonkeyPatch) -> None:
    timm = pytest.importorskip("timm", reason="timm is not installed")
    create = timm.create_model

    def offline(name: str, pretrained: bool, **options: object) -> torch.nn.Module:
        """Random weights in place of those that timm would download."""
        with torch.random.fork_rng():
            torch.manual_seed(3 if pretrained else 4)
            return create(name, pretrained=False, **options)  # type: ignore[no-any-return]

    monkeypatch.setattr(timm, "create_model", offline)
    (subject,) = find_subjects(["timm:test_resnet"])
    assert (subject.size, subject.channels) == (160, 3)
    pixels = torch.rand(2, 3, 64, 64, generator=torch.Generator().manual_seed(0))
    net = offline("test_resnet", pretrained=True, num_classes=0).eval()
    config = timm.data.resolve_model_data_config(net)
    mean, std = (torch.tensor(config[key]).view(1, 3, 1, 1) for key in ("mean", "std"))
    assert subject.encoder is not None
    with torch.no_grad():
        torch.testing.assert_close(subject.encoder(pixels), net((pixels - mean) / std), rtol=1e-5, atol=1e-5)
    # Random weights are the same on every call, and keep the normalization.
    (random_weights,) = find_subjects(["timm:test_resnet"], size=64, channels=1, pretrained=False)
    assert (random_weights.size, random_weights.channels) == (64, 1)
    again = find_subjects(["timm:test_resnet"], size=64, channels=1, pretrained=False)[0].encoder
    assert random_weights.encoder is not None
    assert again is not None
    torch.testing.assert_close(random_weights.encoder.state_dict(), again.state_dict())
    assert again.get_buffer("mean").mean() == pytest.approx(sum(config["mean"]) / 3)


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
