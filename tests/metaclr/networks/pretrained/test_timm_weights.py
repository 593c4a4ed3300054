"""timm's models as encoders: their own config, and weights from a file or a hub cache without internet."""

import json
from pathlib import Path

import pytest
import torch
from safetensors.torch import save_file

from metaclr.errors import UserError
from metaclr.networks.pretrained import timm_weights
from metaclr.networks.pretrained.from_file import encoder_from_file
from metaclr.networks.pretrained.timm_weights import hub_encoder, timm_encoder

timm = pytest.importorskip("timm", reason="timm is not installed")


def test_a_file_for_a_timm_network_takes_its_config(tmp_path: Path) -> None:
    torch.manual_seed(0)
    net = timm.create_model("test_resnet.r160_in1k", pretrained=False).eval()
    save_file({f"backbone.{n}": v for n, v in net.state_dict().items()}, tmp_path / "w.safetensors")
    found = encoder_from_file(tmp_path / "w.safetensors", "timm:test_resnet.r160_in1k")
    assert (found.size, found.channels) == (160, 3)
    config = timm.data.resolve_model_data_config(net)
    pixels = torch.rand(2, 3, 160, 160)
    mean, std = (torch.tensor(config[key]).view(1, 3, 1, 1) for key in ("mean", "std"))
    with torch.no_grad():
        expected = net.forward_head(net.forward_features((pixels - mean) / std), pre_logits=True)
        torch.testing.assert_close(found(pixels), expected, rtol=1e-5, atol=1e-5)


def test_a_transformer_is_built_for_the_size_that_is_asked_for(tmp_path: Path) -> None:
    net = timm.create_model("test_vit", pretrained=False, img_size=64)
    torch.save(net.state_dict(), tmp_path / "vit.pt")
    found = encoder_from_file(tmp_path / "vit.pt", "timm:test_vit", size=64)
    assert found(torch.rand(1, 3, 64, 64)).shape == (1, net.num_features)


def test_weights_that_cannot_be_fetched_are_one_line(monkeypatch: pytest.MonkeyPatch) -> None:
    def offline(*_: object, **__: object) -> None:
        raise OSError("no route to host\nwhile fetching")

    monkeypatch.setattr(timm, "create_model", offline)
    line = r"cannot be fetched \(no route to host while fetching\); with the file at hand: metaclr evaluate FILE"
    with pytest.raises(UserError, match=line):
        timm_encoder("resnet18")


def test_without_internet_the_hub_does_not_wait(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    constants = pytest.importorskip("huggingface_hub.constants", reason="huggingface_hub is not installed")
    monkeypatch.setattr(constants, "HF_HUB_CACHE", str(tmp_path))
    monkeypatch.setattr(timm_weights, "getproxies", dict)
    monkeypatch.setattr(timm_weights, "_resolves", lambda _: False)
    with pytest.raises(UserError, match="no internet, and they are not in the hub's cache on this machine"):
        timm_encoder("test_resnet")
    assert not constants.HF_HUB_OFFLINE


def test_unknown_names_say_the_nearest() -> None:
    with pytest.raises(UserError, match="timm:resnet18"):
        timm_encoder("resnet_18")
    with pytest.raises(UserError, match="hub:OWNER/NAME"):
        hub_encoder("resnet18")


def test_a_model_of_the_hub_from_its_cache(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    constants = pytest.importorskip("huggingface_hub.constants", reason="huggingface_hub is not installed")
    net = timm.create_model("test_resnet", pretrained=False).eval()
    snapshot = tmp_path / "models--someone--net" / "snapshots" / ("0" * 40)
    snapshot.mkdir(parents=True)
    refs = tmp_path / "models--someone--net" / "refs"
    refs.mkdir()
    (refs / "main").write_text("0" * 40)
    config = {
        "architecture": "test_resnet", "num_classes": 1000, "num_features": net.num_features,
        "pretrained_cfg": {
            "input_size": [3, 96, 96], "mean": [0.1, 0.2, 0.3], "std": [0.5, 0.5, 0.5],
            "num_classes": 1000, "classifier": "fc", "first_conv": "conv1",
        },
    }  # fmt: skip
    (snapshot / "config.json").write_text(json.dumps(config))
    save_file(net.state_dict(), snapshot / "model.safetensors")
    monkeypatch.setattr(constants, "HF_HUB_CACHE", str(tmp_path))
    monkeypatch.setattr(constants, "HF_HUB_OFFLINE", True)
    found = hub_encoder("someone/net")
    assert found.size == 96
    assert found.get_buffer("mean").flatten().tolist() == pytest.approx([0.1, 0.2, 0.3])
    weights = {name: value for name, value in net.state_dict().items() if not name.startswith("fc.")}
    torch.testing.assert_close(dict(found.net.state_dict()), weights)
