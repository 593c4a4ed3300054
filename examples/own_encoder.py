"""A few-shot benchmark of one's own encoder: the same episodes, statistics and tables as every method gets.

Any `torch.nn.Module` that maps (B, C, H, W) in [0, 1] to (B, F) will do; two are put side by side here.

    uv run python examples/own_encoder.py
"""

import sys

import torch
from torch import nn

import metaclr


def small_network(pool: type[nn.Module]) -> nn.Module:
    """Stands in for your pretrained network."""
    torch.manual_seed(0)
    return nn.Sequential(nn.Conv2d(1, 32, 5, stride=2), nn.ReLU(), pool(4), nn.Flatten())


def main(out: str = "results/own-encoder") -> metaclr.Comparison:
    """Judge two networks on digits and on held-out scripts; tables and report go into `out`."""
    result = metaclr.evaluate(
        {"max pooled": small_network(nn.AdaptiveMaxPool2d), "mean pooled": small_network(nn.AdaptiveAvgPool2d)},
        targets=["digits", "glyphs:held-out"],
        size=28,
        channels=1,
        out=out,
        overrides=["evaluate.few_shot.query=5", "evaluate.low_label=false"],
    )
    few = result.rows.query("evaluator == 'few-shot'")
    print(few[["method", "target", "way", "shot", "value", "ci95", "n_items"]].to_string(index=False))
    print("report:", result.report)
    return result


if __name__ == "__main__":
    main(*sys.argv[1:2])
