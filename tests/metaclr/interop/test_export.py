"""Exported encoders give the features of the module, in processes that do not have metaclr."""

import subprocess
import sys
from pathlib import Path

import pytest
import torch
from click.testing import CliRunner
from torch import nn

from metaclr.cli import cli
from metaclr.errors import UserError
from metaclr.interop.exported import write_torchscript
from metaclr.networks import build_encoder
from metaclr.networks.saved_encoder import EncoderDescription, save_encoder

NETWORKS = {
    "conv4": ({"width": 8}, 1, 28),
    "resnet18": ({"stem": "cifar"}, 3, 32),
    "resnet12": ({"width": 8}, 3, 32),
}

ALONE = """
import sys
sys.modules["metaclr"] = None  # an import of it fails
sys.path.insert(0, sys.argv[1])
import torch
kind = sys.argv[2]
if kind == "torch":
    from load_encoder import load_encoder
    net = load_encoder(sys.argv[1])
else:
    net = torch.jit.load(sys.argv[1] + "/encoder.pt")
with torch.no_grad():
    torch.save(net(torch.load(sys.argv[1] + "/pixels.pt")), sys.argv[1] + "/found.pt")
"""


def saved(name: str, folder: Path) -> nn.Module:
    """A network whose batch norms have statistics of their own, saved as `metaclr train` does."""
    options, channels, size = NETWORKS[name]
    net = build_encoder(name, channels, size, seed=0, **options)
    net.train()(torch.rand(16, channels, size, size, generator=torch.Generator().manual_seed(3)))
    folder.mkdir()
    save_encoder(net, EncoderDescription(name=name, options=options, channels=channels, size=size), folder)
    return net.eval()


@pytest.mark.parametrize(("name", "kind"), [("conv4", "torch"), ("resnet18", "torch"), ("resnet12", "torchscript")])
def test_features_without_metaclr_are_the_same(name: str, kind: str, tmp_path: Path) -> None:
    run, out = tmp_path / "run", tmp_path / "out"
    net = saved(name, run)
    found = CliRunner().invoke(cli, ["export", str(run), "--format", kind, "--out", str(out)])
    assert found.exit_code == 0, found.output
    _, channels, size = NETWORKS[name]
    pixels = torch.rand(5, channels, size, size, generator=torch.Generator().manual_seed(0))
    torch.save(pixels, out / "pixels.pt")
    subprocess.run([sys.executable, "-c", ALONE, str(out), kind], check=True, cwd=tmp_path, timeout=120)
    with torch.no_grad():
        torch.testing.assert_close(torch.load(out / "found.pt"), net(pixels), rtol=1e-4, atol=1e-5)


def test_resnets_have_the_names_of_timm(tmp_path: Path) -> None:
    timm = pytest.importorskip("timm")
    from safetensors.torch import load_file

    net, out = saved("resnet18", tmp_path / "run"), tmp_path / "out"
    CliRunner().invoke(cli, ["export", str(tmp_path / "run"), "--out", str(out)])
    theirs = timm.create_model("resnet18", num_classes=0)
    theirs.conv1, theirs.maxpool = nn.Conv2d(3, 64, 3, padding=1, bias=False), nn.Identity()
    theirs.load_state_dict(load_file(out / "weights.safetensors"))
    pixels = torch.rand(3, 3, 32, 32)
    with torch.no_grad():
        torch.testing.assert_close(theirs.eval()(pixels), net(pixels), rtol=1e-4, atol=1e-5)


def test_networks_of_timm_are_built_by_timm_again(tmp_path: Path) -> None:
    pytest.importorskip("timm")
    for name, size in (("timm:resnet10t", 32), ("timm:vit_tiny_patch16_224", 32)):
        run, out = tmp_path / name / "run", tmp_path / name / "out"
        run.mkdir(parents=True)
        net = build_encoder(name, 1, size, seed=0).eval()
        save_encoder(net, EncoderDescription(name=name, options={}, channels=1, size=size), run)
        found = CliRunner().invoke(cli, ["export", str(run), "--out", str(out)])
        assert found.exit_code == 0, found.exception
        pixels = torch.rand(2, 1, size, size)
        torch.save(pixels, out / "pixels.pt")
        subprocess.run([sys.executable, "-c", ALONE, str(out), "torch"], check=True, cwd=tmp_path, timeout=120)
        with torch.no_grad():
            torch.testing.assert_close(torch.load(out / "found.pt"), net(pixels), rtol=1e-4, atol=1e-5)


def test_onnx_gives_the_features(tmp_path: Path) -> None:
    for library in ("onnx", "onnxscript", "onnxruntime"):
        pytest.importorskip(library)
    saved("conv4", tmp_path / "run")
    found = CliRunner().invoke(cli, ["export", str(tmp_path / "run"), "--format", "onnx", "--out", str(tmp_path / "o")])
    assert found.exit_code == 0, found.output
    assert (tmp_path / "o" / "encoder.onnx").stat().st_size > 1000


def test_a_network_that_traces_wrongly_is_not_written(tmp_path: Path) -> None:
    class Doubled(nn.Module):
        def forward(self, pixels: torch.Tensor) -> torch.Tensor:
            return pixels.flatten(1) * (2.0 if len(pixels) == 2 else 1.0)  # tracing keeps the factor of two images

    with pytest.raises(UserError, match="TorchScript network differs"):
        write_torchscript(Doubled(), 1, 8, tmp_path / "encoder.pt")
    assert not list(tmp_path.iterdir())


def test_a_network_without_a_plain_form_names_the_others(tmp_path: Path) -> None:
    saved("resnet12", tmp_path / "run")
    found = CliRunner().invoke(cli, ["export", str(tmp_path / "run"), "--out", str(tmp_path / "o")])
    assert "'resnet12' has no form in plain layers of torch; export it with --format torch" in str(found.exception)
