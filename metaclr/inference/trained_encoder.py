"""A trained encoder with the format of its images: features of files, folders, arrays and tensors."""

from __future__ import annotations

from collections.abc import Sequence
from os import PathLike
from pathlib import Path
from typing import TYPE_CHECKING, Any

import torch
from torch import Tensor, nn

from episodes import ImageSet
from metaclr.data import adapt, load
from metaclr.data.arrays.formats import format_of
from metaclr.data.options import Fit, ReadOptions
from metaclr.data.pixels.image_paths import read_paths
from metaclr.errors import UserError
from metaclr.evaluation.features import features

if TYPE_CHECKING:
    from numpy.typing import NDArray
    from PIL.Image import Image

    from metaclr.inference.support_classifier import SupportClassifier

Images = Any
"""An `ImageSet`; a data set's name or path; a list of image files; one PIL image or several; float or uint8 tensors."""


class TrainedEncoder(nn.Module):
    """A trained network in eval mode, for images (channels, size, size).

    It is a plain `nn.Module` from float pixels (B, C, H, W) in [0, 1] to features (B, F); `embed` and `classify` take
    images as people have them.

    net: the network. name: for messages. channels: 1 or 3. size: pixels of either side. fit: how oblong images become
    square: cut to the center, bordered with black ("pad"), or distorted ("stretch").
    """

    def __init__(self, net: nn.Module, *, name: str, channels: int, size: int, fit: Fit = "crop") -> None:
        super().__init__()
        self.net = net.eval()
        self.name, self.channels, self.size, self.fit = name, channels, size, fit
        self.requires_grad_(False)

    def train(self, mode: bool = True) -> TrainedEncoder:
        """Stays in eval mode: batch norm keeps its running statistics. Train `self.net` to change that."""
        del mode
        return super().train(False)

    def forward(self, pixels: Tensor) -> Tensor:
        """Float pixels (B, C, H, W) in [0, 1] to features (B, F)."""
        out: Tensor = self.net(pixels)
        return out.flatten(1)

    def transform(self, image: Image | NDArray[Any] | Tensor | str | PathLike[str]) -> Tensor:
        """One image as the encoder takes it, float (C, H, W) in [0, 1]: for a `torch.utils.data.Dataset`.

        Args:
            image: a PIL image, a file, a uint8 array (H, W) or (H, W, 3), or a tensor (C, H, W), uint8 or in [0, 1].

        Raises:
            UserError: it cannot be read as an image.
        """
        return self.images([image] if isinstance(image, (str, PathLike)) else image).images[0].float() / 255

    def images(self, images: Images) -> ImageSet:
        """The images in the encoder's format, with their file names where they have any.

        Raises:
            UserError: nothing that can be read as images.
        """
        found = _read(images, self.size, self.channels, self.fit)
        return adapt(found, size=self.size, channels=self.channels, fit=self.fit)

    def embed(self, images: Images, *, batch: int | None = None) -> Tensor:
        """Features (M, F) on the encoder's device.

        Args:
            images: an `ImageSet`; the name or path of a data set, `NAME[:PART]`; a list of image files; PIL images;
                uint8 arrays (H, W) or (H, W, 3); a tensor (M, C, H, W), uint8 or float in [0, 1].
            batch: images at once; by default what is fast on the device.

        Raises:
            UserError: nothing that can be read as images, or features that are NaN or infinite.
        """
        return features(self.net, self.images(images), batch=batch)

    def classify(
        self, support: ImageSet | str | PathLike[str], *, head: str = "cosine", none_of_these: float | None = None
    ) -> SupportClassifier:
        """A classifier of the classes of a few labelled images, with any number of images a class.

        Args:
            support: a folder with one folder of images a class, the name `NAME[:PART]` of a data set, or an `ImageSet`.
            head: a name in `metaclr.heads.HEADS`, with a transform before it if wanted: `"logistic"`, `"l2+ridge"`.
            none_of_these: share of the support images (left out in turn) that may be rejected as none of the classes;
                None always names a class.

        Raises:
            UserError: fewer than two classes, a head that needs the source's images, or no labels.
        """
        from metaclr.inference.support_classifier import SupportClassifier

        found = (
            support
            if isinstance(support, ImageSet)
            else load(str(support), size=self.size, channels=self.channels, fit=self.fit)
        )
        if found.labels is None:
            raise UserError(f"support {found.name}: no classes; put the images of each class into a folder of its name")
        return SupportClassifier(self, self.images(found), head=head, none_of_these=none_of_these)


def _read(images: Images, size: int, channels: int, fit: Fit) -> ImageSet:
    options = ReadOptions(fit=fit)
    if isinstance(images, ImageSet):
        return images
    if isinstance(images, (str, PathLike)):
        path = Path(images)
        if path.is_file() and format_of(path) is None:
            return read_paths([path], size=size, channels=channels, options=options)
        return load(str(images), size=size, channels=channels, fit=fit)
    if isinstance(images, Tensor):
        return ImageSet(_as_bytes(images[None] if images.ndim == 3 else images), name="images")
    if hasattr(images, "convert") or hasattr(images, "__array_interface__"):
        images = [images]
    if not isinstance(images, Sequence) or not images:
        raise UserError(f"images: a {type(images).__name__}; pass an ImageSet, a path, a list of files, or a tensor")
    if all(isinstance(one, (str, PathLike)) for one in images):
        return read_paths([Path(one) for one in images], size=size, channels=channels, options=options)
    from metaclr.data.pixels.decode import fitted

    return ImageSet(
        torch.stack([torch.tensor(fitted(_pil(one), size, channels, fit)) for one in images]), name="images"
    )


def _as_bytes(pixels: Tensor) -> Tensor:
    if pixels.ndim != 4 or pixels.shape[1] not in (1, 3):
        raise UserError(f"images: a tensor {tuple(pixels.shape)}; pass (M, 1, H, W) or (M, 3, H, W)")
    if pixels.dtype == torch.uint8:
        return pixels
    if not pixels.is_floating_point() or float(pixels.min()) < 0 or float(pixels.max()) > 1:
        raise UserError(
            f"images: a {str(pixels.dtype).removeprefix('torch.')} tensor with values outside of [0, 1]; "
            "pass uint8, or floats in [0, 1]"
        )
    return (pixels * 255).round().to(torch.uint8)


def _pil(image: Any) -> Image:
    from PIL import Image

    try:
        return image if isinstance(image, Image.Image) else Image.fromarray(image)
    except (TypeError, ValueError, AttributeError) as error:
        raise UserError(f"images: cannot read a {type(image).__name__} as an image: {error}") from None
