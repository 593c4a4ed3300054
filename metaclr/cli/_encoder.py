"""The argument RUN of `predict`, `embed`, `neighbors` and `map`: an encoder by any of its names, and its options."""

from __future__ import annotations

from collections.abc import Callable
from typing import TYPE_CHECKING, Any

import click

from metaclr.cli._options import device_option

if TYPE_CHECKING:
    from metaclr.inference import TrainedEncoder


def encoder_options(command: Callable[..., Any]) -> Callable[..., Any]:
    """Options that `open_encoder` takes."""
    for option in reversed(
        (
            click.option(
                "--arch",
                default="",
                metavar="NAME",
                help="Load a file of weights into this network: resnet18, timm:NAME, torchvision:NAME, ...",
            ),
            click.option(
                "--size",
                type=click.IntRange(min=1),
                help="Give an encoder from elsewhere images with this many pixels on either side [its own].",
            ),
            click.option(
                "--channels",
                type=click.Choice(["1", "3"]),
                help="Give an encoder from elsewhere images with this many channels [its own].",
            ),
            click.option(
                "--fit",
                type=click.Choice(["crop", "pad", "stretch"]),
                default="crop",
                show_default=True,
                help="Make oblong images square: cut to the center, add a border, or distort.",
            ),
            device_option,
        )
    ):
        command = option(command)
    return command


def open_encoder(run: str, options: dict[str, Any]) -> TrainedEncoder:
    """The encoder that RUN names, a function of the user's own included.

    Args:
        options: the values of `encoder_options`.

    Raises:
        UserError: there is no such encoder.
    """
    from metaclr.api.encoders import pretrained
    from metaclr.api.loading import as_trained, load

    form = {"size": options["size"], "channels": int(options["channels"]) if options["channels"] else None}
    if ".py:" in run:
        return as_trained(pretrained(run, **form), name=run, **form, fit=options["fit"], device=options["device"])
    return load(run, **form, arch=options["arch"], fit=options["fit"], device=options["device"])
