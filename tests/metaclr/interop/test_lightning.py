"""A Lightning trainer and `metaclr.train` compute the same weights from the same recipe."""

from __future__ import annotations

import warnings

import pytest
import torch

import metaclr
from metaclr.errors import UserError
from tests.metaclr.comparison import small

try:
    import pytorch_lightning as pl
except ImportError:
    pl = pytest.importorskip("lightning.pytorch", reason="Lightning is not installed")

from metaclr.interop.lightning import MethodModule

OVERRIDES = [*small.SETTINGS, "train.steps=4", "train.precision=fp32", "train.compile=off", "train.log_every=1"]


def fitted(method: str, steps: int = 4, **options: object) -> MethodModule:
    module = MethodModule(method, small.stripes(), overrides=OVERRIDES, seed=1, **options)  # type: ignore[arg-type]
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")
        trainer = pl.Trainer(
            max_steps=steps, accelerator="cpu", devices=1, logger=False, enable_checkpointing=False,
            enable_progress_bar=False, enable_model_summary=False,
        )  # fmt: skip
        trainer.fit(module)
    assert trainer.global_step == steps
    return module


@pytest.mark.parametrize("method", ["simclr", "protonet", "byol", "moco", "simclr on patches"])
def test_both_train_the_same_encoder(method: str) -> None:
    name, _, source = method.partition(" on ")
    settings = {"positives": "patch+augmentation", "patch.grid": 2} if source else {}
    expected = metaclr.train(
        name, small.stripes(), overrides=OVERRIDES, seed=1, device="cpu", quiet=True, settings=settings
    )
    found = fitted(name, settings=settings).encoder
    start = MethodModule(name, small.stripes(), overrides=OVERRIDES, seed=1).encoder.state_dict()
    for name, value in expected.state_dict().items():
        torch.testing.assert_close(found.state_dict()[name], value, rtol=1e-4, atol=1e-5, msg=name)
    moved = max(float((value - start[name]).abs().max()) for name, value in expected.state_dict().items())
    assert moved > 1e-3  # and it is not the start that is equal


def test_it_embeds(tmp_path: object) -> None:
    del tmp_path
    module = fitted("simclr", steps=2)
    assert module.eval()(torch.rand(3, 1, 16, 16)).shape[0] == 3


def test_what_cannot_be_trained_is_refused_in_one_line() -> None:
    with pytest.raises(UserError, match="is a control"):
        MethodModule("pixels", small.stripes())
    with pytest.raises(UserError, match=r"use metaclr\.train"):
        MethodModule("cactus", small.stripes(), overrides=OVERRIDES)
    with pytest.raises(UserError, match="simclr"):
        MethodModule("simcl", small.stripes())
