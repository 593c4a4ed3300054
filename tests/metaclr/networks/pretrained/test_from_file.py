"""Weights from a file: whatever stands before the names, the features are those of the network they were saved from."""

import json
import pickle
from pathlib import Path

import pytest
import torch
from safetensors.torch import save_file
from torch import Tensor, nn
from torchvision.models import resnet18

from metaclr.errors import UserError
from metaclr.networks.pretrained.encoder import IMAGENET, PretrainedEncoder, normalization
from metaclr.networks.pretrained.from_file import encoder_from_file

PIXELS = torch.rand(2, 3, 64, 64, generator=torch.Generator().manual_seed(0))


@pytest.fixture(scope="module")
def network() -> nn.Module:
    torch.manual_seed(0)
    net = resnet18(weights=None)
    for name, buffer in net.named_buffers():  # statistics that differ from those of a new network
        if name.endswith("running_mean"):
            buffer.normal_(std=0.1)
    return net.eval()


def expected(network: nn.Module) -> Tensor:
    body = nn.Sequential(*list(network.children())[:-1], nn.Flatten())
    mean, std = (torch.tensor(values).view(1, 3, 1, 1) for values in IMAGENET)
    with torch.no_grad():
        return body((PIXELS - mean) / std)


def features(encoder: PretrainedEncoder) -> Tensor:
    with torch.no_grad():
        return encoder(PIXELS)


@pytest.mark.parametrize("prefix", ["", "module.", "backbone.", "module.encoder_q.", "model.student.net."])
def test_any_prefix_is_removed_and_noted(prefix: str, network: nn.Module, tmp_path: Path) -> None:
    stored = {prefix + name: value for name, value in network.state_dict().items()}
    stored["head.projector.0.weight"] = torch.zeros(3, 3)
    torch.save({"epoch": 7, "state_dict": stored, "best": torch.zeros(())}, tmp_path / "last.pth")
    found = encoder_from_file(tmp_path / "last.pth", "resnet18", size=64)
    torch.testing.assert_close(features(found), expected(network), rtol=1e-5, atol=1e-5)
    notes = "; ".join(found.notes)
    assert (f"prefix '{prefix}' removed from 100 names" in notes) == bool(prefix)
    assert f"left out: {prefix}fc.weight, {prefix}fc.bias, head.projector.0.weight" in notes
    assert "last.pth, entry 'state_dict'" in notes


def test_of_two_encoders_the_trained_one_is_taken_unless_named(network: nn.Module, tmp_path: Path) -> None:
    both = {f"encoder_q.{n}": v for n, v in network.state_dict().items()}
    both |= {f"encoder_k.{n}": torch.zeros_like(v) for n, v in network.state_dict().items()}
    save_file({name: value.contiguous() for name, value in both.items()}, tmp_path / "moco.safetensors")
    found = encoder_from_file(tmp_path / "moco.safetensors", "resnet18", size=64)
    torch.testing.assert_close(features(found), expected(network), rtol=1e-5, atol=1e-5)
    assert any("'encoder_k.' would fit as well" in note for note in found.notes)
    other = encoder_from_file(tmp_path / "moco.safetensors", "resnet18", size=64, prefix="encoder_k.")
    assert features(other).abs().max() == 0


def test_other_names_in_the_same_order_are_matched_by_position(network: nn.Module, tmp_path: Path) -> None:
    renamed = {f"layer.{i}": value for i, value in enumerate(network.state_dict().values()) if value.ndim}
    torch.save(renamed, tmp_path / "renamed.pt")
    found = encoder_from_file(tmp_path / "renamed.pt", "torchvision:resnet18", size=64)
    torch.testing.assert_close(features(found), expected(network), rtol=1e-5, atol=1e-5)
    assert any("matched by position" in note for note in found.notes)
    swapped = dict(reversed(renamed.items()))
    torch.save(swapped, tmp_path / "swapped.pt")
    with pytest.raises(UserError, match=r"the network needs conv1\.weight"):
        encoder_from_file(tmp_path / "swapped.pt", "torchvision:resnet18")


def test_stem_and_channels_come_from_the_first_convolution(tmp_path: Path) -> None:
    net = resnet18(weights=None)
    net.conv1 = nn.Conv2d(1, 64, 3, padding=1, bias=False)
    torch.save(net.state_dict(), tmp_path / "small.pt")
    found = encoder_from_file(tmp_path / "small.pt", "resnet18")
    assert (found.size, found.channels) == (32, 1)
    assert found(torch.rand(2, 1, 32, 32)).shape == (2, 512)


def test_size_and_normalization_come_from_a_config_beside_the_file(network: nn.Module, tmp_path: Path) -> None:
    save_file(network.state_dict(), tmp_path / "model.safetensors")
    config = {"pretrained_cfg": {"input_size": [3, 96, 96], "mean": [0.1, 0.2, 0.3], "std": [0.4, 0.5, 0.6]}}
    (tmp_path / "config.json").write_text(json.dumps(config))
    found = encoder_from_file(tmp_path / "model.safetensors", "resnet18")
    assert found.size == 96
    assert found.get_buffer("mean").flatten().tolist() == pytest.approx([0.1, 0.2, 0.3])
    plain = encoder_from_file(tmp_path / "model.safetensors", "resnet18", normalize="none")
    assert plain.get_buffer("std").flatten().tolist() == [1.0]


class Evil:
    """Unpickled, it would write a file."""

    def __init__(self, path: Path) -> None:
        self.path = path

    def __reduce__(self) -> tuple[object, ...]:
        return Path.write_text, (self.path, "ran")


def test_nothing_is_unpickled(tmp_path: Path) -> None:
    torch.save({"state_dict": {"conv1.weight": torch.zeros(3)}, "args": Evil(tmp_path / "ran")}, tmp_path / "evil.pth")
    with pytest.raises(UserError, match="holds more than tensors"):
        encoder_from_file(tmp_path / "evil.pth", "resnet18")
    (tmp_path / "plain.pt").write_bytes(pickle.dumps(Evil(tmp_path / "ran")))
    with pytest.raises(UserError, match=r"weights .*plain\.pt"):
        encoder_from_file(tmp_path / "plain.pt", "resnet18")
    assert not (tmp_path / "ran").exists()


@pytest.mark.parametrize(
    ("content", "arch", "line"),
    [
        (b"damaged", "resnet18", "cannot be read by torch.load"),
        ({"conv1.weight": torch.zeros(64, 3, 7, 7)}, "resnet18", r"needs bn1.weight \(99 of its 100 weights missing\)"),
        ({"conv1.weight": torch.zeros(64, 3, 7, 7)}, "resnet81", "resnet18"),
        ({"conv1.weight": torch.zeros(64, 3, 7, 7)}, "", "name the network they are for, such as --arch resnet18"),
        ({"conv1.weight": torch.zeros(64, 3, 7, 7)}, "json:loads", "--arch 'json:loads': TypeError"),
        ({"epoch": 3}, "resnet18", "holds no tensors by name"),
    ],
)
def test_one_line_says_what_does_not_fit(content: object, arch: str, line: str, tmp_path: Path) -> None:
    path = tmp_path / "weights.pt"
    if isinstance(content, bytes):
        path.write_bytes(content)
    else:
        torch.save(content, path)
    with pytest.raises(UserError, match=line) as error:
        encoder_from_file(path, arch)
    assert "\n" not in str(error.value)


def test_a_wrong_shape_names_both(network: nn.Module, tmp_path: Path) -> None:
    stored = network.state_dict() | {"layer4.1.bn2.weight": torch.zeros(511)}
    torch.save(stored, tmp_path / "w.pt")
    with pytest.raises(UserError, match=r"layer4.1.bn2.weight is \(511,\), the network needs \(512,\)"):
        encoder_from_file(tmp_path / "w.pt", "resnet18")


def test_normalization_by_name_or_numbers() -> None:
    assert normalization("0.5/0.25") == ((0.5,), (0.25,))
    assert normalization("imagenet") == IMAGENET
    for wrong in ("imagnet", "0.5", "0.5,0.5/1,1", "0/0", "1,2,3/1"):
        with pytest.raises(UserError, match="--normalize"):
            normalization(wrong)
