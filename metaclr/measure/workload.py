"""The workload of a measurement: a network, a batch, a view recipe, a device."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING

import torch

from episodes import PRESETS, ImageSet, ViewRecipe
from metaclr.engine.compiling import should_compile
from metaclr.engine.settings import Choice, Optimizer, Precision, TrainSettings
from metaclr.errors import UserError, unknown

if TYPE_CHECKING:
    from metaclr.engine import Learner


@dataclass(frozen=True)
class Workload:
    """SimCLR's training step on images (C, size, size): `batch_views` views, two of each image.

    compile: of networks and views; "auto" is on for a GPU and off for a CPU, as in a long run. cuda_graph: see
    `TrainSettings`. seed: of weights, images and views.

    Raises:
        UserError: batch_views that is odd or below 4, channels other than 1 and 3, an unknown view recipe.
    """

    encoder: str = "conv4"
    size: int = 32
    channels: int = 3
    batch_views: int = 256
    views: str = "simclr"
    device: torch.device = torch.device("cpu")  # noqa: RUF009 - a value
    precision: Precision = "auto"
    compile: Choice = "auto"
    cuda_graph: Choice = "auto"
    optimizer: Optimizer = "adam"
    projector_hidden: int = 256
    projector_dim: int = 128
    seed: int = 0

    def __post_init__(self) -> None:
        if self.batch_views < 4 or self.batch_views % 2:
            raise UserError(f"batch_views = {self.batch_views}: an even number of at least 4")
        if self.channels not in (1, 3):
            raise UserError(f"channels = {self.channels}: 1 or 3")
        if self.views not in PRESETS:
            raise unknown("views", self.views, PRESETS)

    @property
    def recipe(self) -> ViewRecipe:
        """The view recipe."""
        return PRESETS[self.views]

    def settings(self, steps: int) -> TrainSettings:
        """Training settings for `steps` steps."""
        compiles = self.device.type == "cuda" if self.compile == "auto" else self.compile == "on"
        return TrainSettings(
            steps=steps,
            optimizer=self.optimizer,
            precision=self.precision,
            compile="on" if compiles else "off",
            cuda_graph=self.cuda_graph,
            device=str(self.device),
            seed=self.seed,
        )

    @property
    def compiles(self) -> bool:
        """Whether networks and views are compiled on this device."""
        return should_compile(self.settings(1), self.device)

    def images(self, count: int = 8192) -> ImageSet:
        """`count` images of random pixels; no speed depends on the content."""
        generator = torch.Generator().manual_seed(self.seed)
        shape = (count, self.channels, self.size, self.size)
        pixels = torch.randint(0, 256, shape, dtype=torch.uint8, generator=generator)
        return ImageSet(pixels, name="random pixels")

    def learner(self, dataset_size: int) -> Learner:
        """Encoder, projector and SimCLR's objective, with the same weights at every call."""
        from metaclr import methods
        from metaclr.engine import Learner
        from metaclr.networks import build_encoder, build_projector

        encoder = build_encoder(self.encoder, self.channels, self.size, seed=self.seed)
        features = int(encoder.features)  # type: ignore[arg-type]
        projector = build_projector(
            "mlp", features, hidden=self.projector_hidden, dim=self.projector_dim, seed=self.seed
        )
        objective = methods.get("simclr").objective.build(self.projector_dim, dataset_size=dataset_size, classes=0)
        return Learner(encoder, projector, objective, dataset_size=dataset_size)
