"""Options that several verbs share."""

from __future__ import annotations

from pathlib import Path

import click

device_option = click.option(
    "--device", default="auto", show_default=True, help="Use this device: auto, cpu, cuda or cuda:N."
)
data_root_option = click.option(
    "--data-root",
    type=click.Path(path_type=Path),
    help="Read data sets from this folder [environment variable METACLR_DATA].",
)
set_option = click.option(
    "--set",
    "overrides",
    multiple=True,
    metavar="KEY=VALUE",
    help="Override a key of the recipe, such as train.steps=500; may be repeated.",
)
protocol_option = click.option(
    "--protocol",
    metavar="NAME",
    help="Evaluate by a published protocol, which fixes episodes, queries and heads and names the data:"
    " omniglot-vinyals, mini-5way, bscd-fsl, meta-dataset, human, low-label-1-10 or linear-probe.",
)


def read_seeds(text: str | None) -> list[int] | None:
    """The seeds of `--seeds`: a count N gives 0 to N - 1, a list gives its numbers.

    Raises:
        UserError: neither.
    """
    from metaclr.errors import UserError

    if text is None:
        return None
    try:
        numbers = [int(part) for part in text.split(",")]
    except ValueError as error:
        raise UserError(f"--seeds {text!r}: a count such as 3, or a list such as 0,7,42") from error
    if "," in text:
        return numbers
    if numbers[0] < 1:
        raise UserError(f"--seeds {text!r}: at least 1 (a count), or a list such as 0,7")
    return list(range(numbers[0]))


log_option = click.option(
    "--log",
    type=click.Choice(["tensorboard", "wandb", "mlflow"]),
    multiple=True,
    help="Send curves and results to this logger too; may be repeated (needs metaclr[NAME]).",
)
