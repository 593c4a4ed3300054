"""Optional packages: what each one gives, and how to get it."""

from __future__ import annotations

from dataclasses import dataclass
from importlib import import_module
from types import ModuleType

from metaclr.errors import UserError

L2L = "uv pip install '.[l2l]' in a checkout, or uv sync --extra l2l (pip alone cannot build learn2learn)"
"""learn2learn 0.2.0 asks for packages that cannot be built, and ships C code of an old Cython; `tool.uv` mends both."""


@dataclass(frozen=True)
class Extra:
    """An extra of `pip install 'metaclr[NAME]'`. package: the module that it brings; purpose: what that is used for."""

    name: str
    package: str
    purpose: str

    @property
    def how(self) -> str:
        """How to get it: pip takes the extra's packages from the metaclr that is installed."""
        if self.name == "l2l":
            return L2L
        return f"pip install 'metaclr[{self.name}]', or in a checkout: uv sync --extra {self.name}"


EXTRAS = (
    Extra("l2l", "learn2learn", "MAML by learn2learn, its encoders (l2l:NAME) and task sets"),
    Extra("timm", "timm", "encoders named timm:NAME and hub:OWNER/NAME"),
    Extra("onnx", "onnx", "metaclr export --format onnx"),
    Extra("umap", "umap", "metaclr map --method umap"),
    Extra("parquet", "pyarrow", "Parquet files: metaclr embed --out FILE.parquet, image sets"),
    Extra("tensorboard", "tensorboard", "--log tensorboard"),
    Extra("wandb", "wandb", "--log wandb"),
    Extra("mlflow", "mlflow", "--log mlflow"),
    Extra("lightning", "lightning", "metaclr.interop.lightning"),
    Extra("datasets", "datasets", "metaclr.interop.huggingface"),
    Extra("open_clip", "open_clip", "encoders and texts named open_clip:NAME"),
    Extra("video", "av", "folders of video files"),
    Extra("ray", "ray", "comparisons spread over a cluster: --ray"),
    Extra("tune", "optuna", "settings chosen on validation tasks: --tune"),
)
"""As in pyproject.toml."""


_BROUGHT_BY = {"huggingface_hub": "timm", "onnxscript": "onnx", "onnxruntime": "onnx"}
"""Packages of an extra beside the one that stands for it."""


def how_to_get(package: str) -> str:
    """The command that installs a package: by its extra, or alone where no extra brings it."""
    package = _BROUGHT_BY.get(package, package)
    return next((extra.how for extra in EXTRAS if extra.package == package), f"pip install {package}")


def need(library: str, purpose: str) -> ModuleType:
    """The library. Raises UserError, saying what needs it and how to get it, where it is not installed."""
    try:
        return import_module(library)
    except ImportError as error:
        raise UserError(
            f"{purpose} needs {library}, which cannot be imported ({error}); get it with: {how_to_get(library)}"
        ) from None
