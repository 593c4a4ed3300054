"""torchvision's ResNet-18 and ResNet-50, with a stem for small or large images. He et al. 2016, arXiv:1512.03385."""

from __future__ import annotations

from torch import Tensor, nn

from metaclr.errors import unknown
from metaclr.networks.layout import channels_last
from metaclr.networks.options import large_enough

_MAX_CIFAR_SIZE = 64  # the largest image that stem="auto" gives the CIFAR stem
_MIN_SIZE = {"cifar": 8, "imagenet": 32}  # each stem's network halves the image 3 or 5 times


class ResNet(nn.Module):
    """A torchvision ResNet without its classifier."""

    def __init__(self, net: nn.Module, features: int) -> None:
        super().__init__()
        self.net = net
        self.features = features

    def forward(self, pixels: Tensor) -> Tensor:
        """(B, C, H, W) to (B, F), F = 512 or 2048."""
        features: Tensor = self.net(channels_last(pixels))
        return features


def resnet18(channels: int, size: int, *, stem: str = "auto") -> ResNet:
    """ResNet-18, 512 features. stem: see `resnet50`."""
    return _resnet("resnet18", channels, size, stem)


def resnet50(channels: int, size: int, *, stem: str = "auto") -> ResNet:
    """ResNet-50, 2048 features.

    stem "imagenet": 7x7 convolution with stride 2 and max-pool. "cifar": 3x3 with stride 1, no max-pool (SimCLR,
    Chen et al. 2020, arXiv:2002.05709, appendix B.9). "auto": "cifar" up to 64 pixels.
    Raises UserError for another stem, or images too small for it (8 and 32 pixels).
    """
    return _resnet("resnet50", channels, size, stem)


def _resnet(name: str, channels: int, size: int, stem: str) -> ResNet:
    from torchvision.models import get_model

    if stem not in (*_MIN_SIZE, "auto"):
        raise unknown("stem", str(stem), (*_MIN_SIZE, "auto"))
    if stem == "auto":
        stem = "cifar" if size <= _MAX_CIFAR_SIZE else "imagenet"
    large_enough(f"{name} with stem={stem!r}", size, _MIN_SIZE[stem])
    net = get_model(name, weights=None)
    features = net.fc.in_features
    net.fc = nn.Identity()
    if stem == "cifar":
        net.conv1 = nn.Conv2d(channels, 64, 3, stride=1, padding=1, bias=False)
        net.maxpool = nn.Identity()
    else:
        net.conv1 = nn.Conv2d(channels, 64, 7, stride=2, padding=3, bias=False)
    nn.init.kaiming_normal_(net.conv1.weight, mode="fan_out", nonlinearity="relu")
    return ResNet(net, features)
