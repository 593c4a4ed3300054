"""metaclr: contrastive learning and few-shot meta-learning as one objective, one engine, one comparison.

Compare methods on your images: the same data, encoder, budget, views and stored episodes for all of them

    import metaclr
    results = metaclr.compare(methods=["simclr", "protonet"], sources=["my/photos"], targets=["my/others"])
    results                        # in a notebook, the table
    results.rows                   # every measurement, a pandas DataFrame
    results.report                 # one HTML page: tables, figures, neighbors, maps, files

Compare encoders that were trained elsewhere

    metaclr.evaluate({"mine": my_module}, targets=["digits"])
    metaclr.evaluate(metaclr.pretrained("timm:resnet18"), targets=["cifar_fs:test"])

Use one afterwards

    encoder = metaclr.load("results/glyphs/runs/simclr-glyphs-source-s0")         # an nn.Module; executes no code
    encoder.classify("my/support").predict("my/new").to_frame()
    encoder.embed(["a.png", "b.png"])                                             # (2, F)
    metaclr.train("simclr", "my/photos", out="results/mine")                      # one method, one source
    metaclr.train_texts(["sts/STS12"], "simcse")                                  # sentences alone, against tf-idf

See why methods differ

    metaclr.bridge_walk("simclr", "protonet")                                     # one axis at a time, each measured
    metaclr.methods.diff("simclr", "protonet")                                    # (axis, here, there)
    metaclr.sweep({"temperature": [0.05, 0.2, 1.0]})                              # accuracy and geometry against values
    metaclr.diagnose_runs(["results/glyphs"])                                     # uniformity, rank, ... of encoders

Take the objective or the sampler alone into your own loop

    loss = metaclr.objective("simclr", temperature=0.2)(embeddings)               # (T, N, V, D) -> scalar
    episodes.EpisodeSampler(...)                                                  # the package `episodes`

Every function says what it takes and raises: help(metaclr.compare). Bad input raises `metaclr.UserError` in one line
before any work. `metaclr --help` lists the commands, `examples/` has notebooks, and the names below are imported on
first use, so that `import metaclr` takes a few milliseconds and does not import torch.
"""

from __future__ import annotations

from importlib import import_module
from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from metaclr.api import (
        Comparison,
        Diagnosis,
        TextOptions,
        bridge_walk,
        compare,
        diagnose_runs,
        evaluate,
        load,
        objective,
        pretrained,
        reproduce,
        sweep,
        train,
        train_entities,
        train_texts,
    )
    from metaclr.errors import UserError
    from metaclr.methods import Method

__version__ = "0.1.0"

_HOME = {
    "Comparison": "metaclr.api",
    "Diagnosis": "metaclr.api",
    "Method": "metaclr.methods",
    "TextOptions": "metaclr.api",
    "UserError": "metaclr.errors",
    "bridge_walk": "metaclr.api",
    "compare": "metaclr.api",
    "diagnose_runs": "metaclr.api",
    "evaluate": "metaclr.api",
    "load": "metaclr.api",
    "objective": "metaclr.api",
    "pretrained": "metaclr.api",
    "reproduce": "metaclr.api",
    "sweep": "metaclr.api",
    "train": "metaclr.api",
    "train_entities": "metaclr.api",
    "train_texts": "metaclr.api",
}

__all__ = [
    "Comparison",
    "Diagnosis",
    "Method",
    "TextOptions",
    "UserError",
    "bridge_walk",
    "compare",
    "diagnose_runs",
    "evaluate",
    "load",
    "objective",
    "pretrained",
    "reproduce",
    "sweep",
    "train",
    "train_entities",
    "train_texts",
]


def __getattr__(name: str) -> Any:
    if name in _HOME:
        return getattr(import_module(_HOME[name]), name)
    raise AttributeError(f"module 'metaclr' has no attribute {name!r}")


def __dir__() -> list[str]:
    return sorted([*__all__, "__version__"])
