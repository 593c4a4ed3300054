"""A comparison with a method of one's own beside the shipped ones.

The method: InfoNCE whose temperature is learned, one direction only. Nothing but the method differs: the data,
the encoder, the views, the budget and the episodes are those of the other methods.

    uv run python examples/own_method.py
"""

import sys

import metaclr
from metaclr.bridge import Objective, Prototypes, dot, split, unit_norm

mine = metaclr.Method(
    summary="one-way InfoNCE with a learned temperature",
    reference="this file",
    objective=Objective(
        roles=split, embedding=unit_norm, head=Prototypes(dot), temperature=0.2, learn_temperature=True
    ),
)


def main(out: str = "results/own-method", steps: int = 100) -> metaclr.Comparison:
    """Train both for `steps` steps and write the tables and the report into `out`."""
    result = metaclr.compare(
        methods={"mine": mine, "simclr": "simclr"},
        targets=["digits"],
        steps=steps,
        out=out,
        overrides=["evaluate.low_label=false", "evaluate.few_shot.ways=[5]"],
    )
    few = result.rows.query("evaluator == 'few-shot' and shot == 1")
    print(few[["method", "target", "way", "shot", "value", "ci95", "n_items"]].to_string(index=False))
    print("report:", result.report)
    return result


if __name__ == "__main__":
    main(*sys.argv[1:2])
