"""A network with pretrained weights, the images that it takes, and what is known of where its weights come from."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

import torch
from torch import Tensor, nn

from metaclr.errors import UserError

IMAGENET = ((0.485, 0.456, 0.406), (0.229, 0.224, 0.225))
"""Mean and standard deviation of ImageNet's pixels by channel, as torchvision and timm use them."""

NORMALIZATIONS: dict[str, tuple[tuple[float, ...], tuple[float, ...]]] = {
    "imagenet": IMAGENET,
    "cifar10": ((0.4914, 0.4822, 0.4465), (0.2470, 0.2435, 0.2616)),
    "half": ((0.5, 0.5, 0.5), (0.5, 0.5, 0.5)),
    "none": ((0.0,), (1.0,)),
}
"""Names for `--normalize`; "half" maps [0, 1] to [-1, 1]."""


@dataclass(frozen=True)
class ImageFormat:
    """Images that a network takes: (channels, size, size), normalized by mean and deviation of each channel."""

    size: int
    channels: int
    mean: tuple[float, ...] = (0.0,)
    std: tuple[float, ...] = (1.0,)

    def __str__(self) -> str:
        """For a note: "images of 3 x 224 x 224, normalized by mean 0.485 0.456 0.406, deviation ..."."""
        plain = set(self.mean) == {0.0} and set(self.std) == {1.0}
        values = [" ".join(f"{v:g}" for v in dict.fromkeys(values)) for values in (self.mean, self.std)]
        how = "pixels in [0, 1]" if plain else f"normalized by mean {values[0]} and deviation {values[1]}"
        return f"images of {self.channels} x {self.size} x {self.size}, {how}"


class PretrainedEncoder(nn.Module):
    """Float pixels (B, C, H, W) in [0, 1] to features (B, F); normalizes the pixels itself.

    net: the network without its classifier. format: of its images. architecture: for tables. notes: on how the weights
    were read.
    """

    def __init__(
        self, net: nn.Module, image_format: ImageFormat, *, architecture: str, notes: Sequence[str] = ()
    ) -> None:
        super().__init__()
        self.net = net.eval()
        self.size, self.channels = image_format.size, image_format.channels
        self.architecture, self.notes = architecture, tuple(notes)
        self.paired_text = ""
        """Name of the text encoder in the same space of embeddings, where there is one (open_clip)."""
        for name, values in (("mean", image_format.mean), ("std", image_format.std)):
            by_channel = torch.tensor(values)
            if len(values) not in (1, image_format.channels):
                by_channel = by_channel.mean(0, keepdim=True)  # a color network whose first layer was made gray
            self.register_buffer(name, by_channel.view(1, -1, 1, 1), persistent=False)

    def forward(self, pixels: Tensor) -> Tensor:
        """(B, C, H, W) to (B, F); a network that returns maps is flattened."""
        mean, std = self.get_buffer("mean"), self.get_buffer("std")
        out: Tensor = self.net((pixels - mean) / std)
        return out.flatten(1) if out.ndim == 4 else out


def normalization(name: str) -> tuple[tuple[float, ...], tuple[float, ...]]:
    """Mean and deviation by a name of `NORMALIZATIONS`, or written as MEAN/STD with commas between channels.

    Raises:
        UserError: neither.
    """
    if name in NORMALIZATIONS:
        return NORMALIZATIONS[name]
    try:
        mean, std = (tuple(float(value) for value in half.split(",")) for half in name.split("/"))
    except ValueError:
        mean, std = (), ()
    if not mean or len(mean) not in (1, 3) or len(mean) != len(std) or not min(std) > 0:
        raise UserError(
            f"--normalize {name!r}: one of {', '.join(NORMALIZATIONS)}, or MEAN/STD such as 0.5,0.5,0.5/0.2,0.2,0.2"
        )
    return mean, std
