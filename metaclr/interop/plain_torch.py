"""A trained encoder for plain PyTorch: weights, a description of the layers, and a loader that needs no metaclr."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

from torch import Tensor, nn

from metaclr.errors import UserError
from metaclr.files import write_atomic
from metaclr.networks.conv4 import Conv4
from metaclr.networks.external import Foreign
from metaclr.networks.resnet import ResNet
from metaclr.networks.saved_encoder import EncoderDescription

Layer = tuple[str, dict[str, Any]]
"""A class of `torch.nn` and its arguments."""


def write_plain(net: nn.Module, description: EncoderDescription, folder: Path) -> list[Path]:
    """Write `weights.safetensors`, `config.json` and `load_encoder.py` to a folder.

    Conv-4 becomes a `Sequential` of torch's own layers. ResNets keep torchvision's names of weights, which are timm's:
    `timm.create_model("resnet18", num_classes=0)` loads those with the ImageNet stem as they are. Networks of timm are
    built by timm again, with the names of their weights.

    Raises:
        UserError: a network that has no such form; names the formats that it has.
        OSError: the folder cannot be written.
    """
    from safetensors.torch import save

    if isinstance(net, Conv4):
        config, weights = _conv4(net)
    elif isinstance(net, ResNet):
        config, weights = _resnet(net, description)
    elif isinstance(net, Foreign) and description.name.startswith("timm:"):
        config, weights = _timm(net, description)
    else:
        raise UserError(
            f"encoder {description.name!r} has no form in plain layers of torch; export it with "
            "--format torchscript or --format onnx"
        )
    config |= {
        "channels": description.channels,
        "size": description.size,
        "features": int(net.features),
        "pixels": "float (B, channels, size, size) in [0, 1], without normalization",
    }
    paths = [folder / name for name in ("weights.safetensors", "config.json", "load_encoder.py")]
    write_atomic(paths[0], save({name: value.detach().cpu().contiguous() for name, value in weights.items()}))
    write_atomic(paths[1], json.dumps(config, indent=2) + "\n")
    write_atomic(paths[2], Path(__file__).with_name("load_encoder.py.txt").read_text(encoding="utf-8"))
    return paths


def _conv4(net: Conv4) -> tuple[dict[str, Any], dict[str, Tensor]]:
    layers: list[Layer] = []
    weights: dict[str, Tensor] = {}
    for block in net.blocks:
        conv, norm = block.get_submodule("conv"), block.get_submodule("norm")
        assert isinstance(conv, nn.Conv2d)
        assert isinstance(norm, nn.BatchNorm2d)
        for name, layer in ((f"{len(layers)}", conv), (f"{len(layers) + 1}", norm)):
            weights |= {f"{name}.{key}": value for key, value in layer.state_dict().items()}
        layers += [_conv(conv), ("BatchNorm2d", {"num_features": norm.num_features, "eps": norm.eps})]
        layers += [("ReLU", {}), ("MaxPool2d", {"kernel_size": 2})]
    layers.append(("Flatten", {}))
    return {"network": "sequential", "layers": layers}, weights


def _resnet(net: ResNet, description: EncoderDescription) -> tuple[dict[str, Any], dict[str, Tensor]]:
    inner = net.net
    conv = inner.get_submodule("conv1")
    assert isinstance(conv, nn.Conv2d)
    replaced: dict[str, Layer] = {"conv1": _conv(conv), "fc": ("Identity", {})}
    if isinstance(inner.get_submodule("maxpool"), nn.Identity):
        replaced["maxpool"] = ("Identity", {})
    return {"network": f"torchvision:{description.name}", "replaced": replaced}, inner.state_dict()


def _timm(net: Foreign, description: EncoderDescription) -> tuple[dict[str, Any], dict[str, Tensor]]:
    options = {key: value for key, value in description.options.items() if key != "pretrained"}
    options |= {"num_classes": 0, "in_chans": description.channels}
    if hasattr(net.net, "patch_embed"):  # transformers have a position embedding per patch
        options["img_size"] = description.size
    return {"network": description.name, "options": options}, net.net.state_dict()


def _conv(conv: nn.Conv2d) -> Layer:
    return "Conv2d", {
        "in_channels": conv.in_channels,
        "out_channels": conv.out_channels,
        "kernel_size": conv.kernel_size[0],
        "stride": conv.stride[0],
        "padding": int(conv.padding[0]),
        "bias": conv.bias is not None,
    }
