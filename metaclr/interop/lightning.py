"""Any method in a Lightning `Trainer`: the same sampler, views, learner, optimizer and schedule as `metaclr.train`.

For callbacks, loggers and plugins of Lightning. On a CPU in float32 it computes what `metaclr.train` computes; what
that adds (resuming bit-equal, several ranks, compilation, CUDA graphs) is Lightning's here.
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from pathlib import Path
from typing import TYPE_CHECKING, Any

import torch
from torch import Tensor, nn
from torch.utils.data import DataLoader, IterableDataset

from episodes import Episode, ImageSet, Rendering, random
from metaclr.errors import UserError
from metaclr.extras import how_to_get

try:
    import pytorch_lightning as pl
except ImportError as missing:
    try:
        import lightning.pytorch as pl
    except ImportError:
        raise UserError(f"metaclr.interop.lightning needs Lightning: {how_to_get('lightning')}") from missing

if TYPE_CHECKING:
    from metaclr.methods import Method


class MethodModule(pl.LightningModule):  # type: ignore[misc]
    """A method, its source and its budget as a LightningModule with its own training data.

    >>> module = MethodModule("simclr", images, steps=1000)  # doctest: +SKIP
    >>> pl.Trainer(max_steps=1000, accelerator="auto", devices=1).fit(module)  # doctest: +SKIP
    >>> module.encoder  # doctest: +SKIP

    encoder: from float (B, C, H, W) in [0, 1] to features (B, F).
    """

    def __init__(
        self,
        method: str | Method,
        source: ImageSet,
        *,
        recipe: str | Path = "glyphs",
        settings: Mapping[str, Any] | None = None,
        steps: int | None = None,
        seed: int = 0,
        overrides: Sequence[str] = (),
    ) -> None:
        """As `metaclr.train`: a method, an image set, and a recipe for encoder, views and budget.

        Raises:
            UserError, EpisodeError: as `metaclr.train`, before any work.
        """
        from metaclr.comparison.labels.positives_setting import rendered
        from metaclr.comparison.runs.training import build_learner, sampler_for, views_for
        from metaclr.engine import TrainSettings
        from metaclr.interop.trainable_run import trainable_run

        super().__init__()
        run, resolved, images = trainable_run(
            method, source, recipe=recipe, settings=settings, steps=steps, seed=seed, overrides=overrides
        )
        if run.method.labels == "cluster":
            raise UserError(f"method {run.entry.title!r} clusters its images between steps; use metaclr.train")
        train = resolved.train.model_dump(exclude={"batch_views", "loggers"})
        self.train_settings = TrainSettings(**train, seed=seed)
        self.learner: nn.Module = build_learner(run, resolved, images).to(memory_format=torch.channels_last)
        self.sampler = sampler_for(run, resolved, images)
        self.render = Rendering(rendered(run.method, images), views_for(run, resolved, self.sampler.shape), seed=seed)

    @property
    def encoder(self) -> nn.Module:
        """The encoder alone, without projector."""
        return self.learner.get_submodule("encoder")

    def forward(self, pixels: Tensor) -> Tensor:
        """Features (B, F) of float pixels (B, C, H, W) in [0, 1]."""
        features: Tensor = self.encoder(pixels)
        return features

    def train_dataloader(self) -> DataLoader[Episode]:
        """Tasks of the steps that are left, as index tables; they are rendered on the device."""
        return DataLoader(_Episodes(self), batch_size=None)

    def transfer_batch_to_device(self, batch: Episode, device: torch.device, dataloader_idx: int) -> Episode:
        """Leave the tables where they are: `Rendering` moves what it needs."""
        del device, dataloader_idx
        return batch

    def training_step(self, batch: Episode, batch_idx: int) -> Tensor:
        """The loss of a batch; its metrics are logged."""
        from metaclr.engine.seeding import seed_generators

        del batch_idx
        seed_generators(random.key(self.train_settings.seed, "engine", self.global_step, 0), self.device)
        pixels = self.render(batch).to(self.device)
        loss, metrics = self.learner(pixels, batch)
        self.log("loss", loss, prog_bar=True)
        self.log_dict(dict(metrics))
        answer: Tensor = loss
        return answer

    def on_train_batch_end(self, outputs: Any, batch: Episode, batch_idx: int) -> None:
        """The learner's own work after an update, such as moving a momentum encoder."""
        del outputs, batch, batch_idx
        after = getattr(self.learner, "after_step", None)
        if after is not None:
            after(self.global_step, self.train_settings.steps)

    def configure_gradient_clipping(
        self, optimizer: Any, gradient_clip_val: float | None = None, gradient_clip_algorithm: str | None = None
    ) -> None:
        """The recipe's `clip`, unless the trainer has one."""
        largest = self.train_settings.clip if gradient_clip_val is None else gradient_clip_val
        self.clip_gradients(optimizer, largest, gradient_clip_algorithm)

    def configure_optimizers(self) -> Any:
        """The recipe's optimizer, with its rate set for every step."""
        from metaclr.engine.optimizers import build_optimizer
        from metaclr.engine.schedules import rate

        optimizer = build_optimizer(self.learner, self.train_settings)
        lr = self.train_settings.lr
        schedule = torch.optim.lr_scheduler.LambdaLR(optimizer, lambda step: rate(self.train_settings, step) / lr)
        return {"optimizer": optimizer, "lr_scheduler": {"scheduler": schedule, "interval": "step"}}


class _Episodes(IterableDataset[Episode]):
    """The tasks of each step from the module's global step on."""

    def __init__(self, module: MethodModule) -> None:
        self.module = module

    def __iter__(self) -> Iterator[Episode]:
        for step in range(self.module.global_step, self.module.train_settings.steps):
            yield self.module.sampler(step)
