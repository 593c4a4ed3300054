"""metaclr: contrastive learning and few-shot meta-learning as one objective, one engine, one comparison.

    import metaclr
    results = metaclr.compare(methods=["simclr", "protoclr"], steps=300)
    results = metaclr.bridge_walk("simclr", "protonet")
    results = metaclr.sweep({"temperature": [0.05, 0.2, 1.0]})
    loss = metaclr.objective("simclr", temperature=0.2)(embeddings)     # (T, N, V, D) -> scalar
    scores = metaclr.evaluate(my_encoder, targets=["digits"])
    scores = metaclr.evaluate(metaclr.pretrained("timm:resnet18"), targets=["cifar_fs:test"])
    found = metaclr.diagnose_runs(["results/glyphs"])                   # uniformity, rank, ... of its encoders
    encoder = metaclr.load("results/train-simclr")                      # .embed(images), .classify("support/folder")

Names are imported on first use, so that `import metaclr` takes a few milliseconds and does not import torch.
"""

from __future__ import annotations

from importlib import import_module
from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from metaclr.api import (
        Comparison,
        Diagnosis,
        bridge_walk,
        compare,
        diagnose_runs,
        evaluate,
        load,
        objective,
        pretrained,
        sweep,
        train,
    )
    from metaclr.errors import UserError
    from metaclr.methods import Method

__version__ = "0.1.0"

_HOME = {
    "Comparison": "metaclr.api",
    "Diagnosis": "metaclr.api",
    "Method": "metaclr.methods",
    "UserError": "metaclr.errors",
    "bridge_walk": "metaclr.api",
    "compare": "metaclr.api",
    "diagnose_runs": "metaclr.api",
    "evaluate": "metaclr.api",
    "load": "metaclr.api",
    "objective": "metaclr.api",
    "pretrained": "metaclr.api",
    "sweep": "metaclr.api",
    "train": "metaclr.api",
}

__all__ = [
    "Comparison",
    "Diagnosis",
    "Method",
    "UserError",
    "bridge_walk",
    "compare",
    "diagnose_runs",
    "evaluate",
    "load",
    "objective",
    "pretrained",
    "sweep",
    "train",
]


def __getattr__(name: str) -> Any:
    if name in _HOME:
        return getattr(import_module(_HOME[name]), name)
    raise AttributeError(f"module 'metaclr' has no attribute {name!r}")


def __dir__() -> list[str]:
    return sorted([*__all__, "__version__"])
