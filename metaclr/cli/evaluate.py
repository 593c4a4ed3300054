"""`metaclr evaluate ENCODER...`: evaluate encoders trained anywhere on the same stored episodes."""

from __future__ import annotations

from pathlib import Path

import click

from metaclr.cli._options import data_root_option, device_option, protocol_option, set_option


@click.command(name="evaluate", short_help="Evaluate your own encoders.")
@click.argument("encoders", nargs=-1, required=True)
@click.option(
    "--target",
    "targets",
    multiple=True,
    help="Evaluate on this data set; may be repeated [the protocol's, else glyphs:held-out and digits].",
)
@click.option(
    "--size",
    type=int,
    help="Give the encoders images with this many pixels on either side [each encoder's own, else 28].",
)
@click.option(
    "--channels",
    type=click.Choice(["1", "3"]),
    help="Give the encoders images with this many channels [each encoder's own, else 1].",
)
@click.option(
    "--arch",
    default="",
    metavar="NAME",
    help="Load files of weights into this network: resnet18, timm:NAME, torchvision:NAME, FILE.py:FUNCTION or"
    " MODULE:FUNCTION [that of config.json beside the file].",
)
@click.option(
    "--prefix", metavar="TEXT", help="Take the weights whose names begin with TEXT, such as encoder_k. [found]."
)
@click.option(
    "--normalize",
    metavar="NAME|MEAN/STD",
    help="Normalize pixels for files of weights: imagenet, cifar10, half, none, or"
    " 0.5,0.5,0.5/0.2,0.2,0.2 [the network's own].",
)
@click.option(
    "--out",
    type=click.Path(path_type=Path),
    default=Path("results/evaluation"),
    show_default=True,
    help="Write the results to this folder.",
)
@protocol_option
@device_option
@data_root_option
@set_option
def command(
    encoders: tuple[str, ...],
    targets: tuple[str, ...],
    size: int | None,
    channels: str | None,
    arch: str,
    prefix: str | None,
    normalize: str | None,
    out: Path,
    protocol: str | None,
    device: str,
    data_root: Path | None,
    overrides: tuple[str, ...],
) -> None:
    """Evaluate ENCODERS on stored episodes, probes and label subsets, and write tables and a report.

    An encoder is FILE.py:FUNCTION that returns a torch.nn.Module, the folder of a `metaclr train`, timm:NAME or
    hub:OWNER/NAME with their pretrained weights (needs metaclr[timm]), open_clip:NAME/TAG (needs
    metaclr[open_clip]; add --set 'evaluate.more={zero-shot={}, retrieval={}}' for its texts), or a file of weights
    with --arch (.safetensors, .pt, .pth, .bin, .ckpt; nothing in it is executed). Encoders of different sizes get
    the same episodes, each with the original images at its own size.
    """
    from metaclr.api import evaluate
    from metaclr.api.encoders import pretrained
    from metaclr.errors import UserError
    from metaclr.results.tables.terminal import print_main_table

    labels = [_label(name) for name in encoders]
    # Encoders of one name, such as runs/a/best and runs/b/best, get their folders' names too.
    labels = [
        label if labels.count(label) == 1 else f"{Path(name).parent.name or '.'}/{label}"
        for name, label in zip(encoders, labels, strict=True)
    ]
    if len(set(labels)) < len(labels):
        raise UserError(f"encoders {', '.join(encoders)}: two have the same name and folder; name each one once")
    form = {"channels": int(channels) if channels else None, "size": size}
    modules = [pretrained(name, **form, arch=arch, prefix=prefix, normalize=normalize) for name in encoders]
    for label, module in zip(labels, modules, strict=True):
        for note in getattr(module, "notes", ()):
            click.echo(f"{label}: {note}", err=True)
    result = evaluate(
        dict(zip(labels, modules, strict=True)),
        targets or None,
        channels=form["channels"],
        size=size,
        protocol=protocol,
        out=out,
        device=device,
        data_root=data_root,
        overrides=overrides,
    )
    print_main_table(result.folder)
    click.echo(f"\nreport   {result.report}")


def _label(name: str) -> str:
    """The name of an encoder in tables: the last name of its path; of open_clip's, the model and its weights."""
    if name.startswith("open_clip:"):
        model, _, weights = name.removeprefix("open_clip:").partition("/")
        return f"{model} {Path(weights).name}".strip()
    return Path(name).name.replace(".py:", ":")
