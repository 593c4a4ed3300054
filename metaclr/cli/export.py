"""`metaclr export RUN`: a trained encoder for programs that do not have metaclr."""

from __future__ import annotations

from pathlib import Path

import click

FORMATS = ("torch", "torchscript", "onnx")


@click.command(name="export", short_help="Export an encoder: PyTorch, TorchScript, ONNX.")
@click.argument("run")
@click.option(
    "--format",
    "formats",
    multiple=True,
    type=click.Choice(FORMATS),
    help="Write this format; may be repeated [torch].",
)
@click.option(
    "--out", type=click.Path(path_type=Path), required=True, help="Write to this folder, which is made if needed."
)
def command(run: str, formats: tuple[str, ...], out: Path) -> None:
    """Export the encoder of RUN (the folder of a `metaclr train`, or results/NAME/runs/RUN).

    torch: weights.safetensors, config.json and a loader of 20 lines for plain PyTorch; weights of ResNets have the
    names that torchvision and timm use, and networks of timm are loaded by timm. torchscript: encoder.pt. onnx:
    encoder.onnx; both are compared with the module.
    """
    from metaclr.api.loading import encoder_file
    from metaclr.interop.exported import write_onnx, write_torchscript
    from metaclr.interop.plain_torch import write_plain
    from metaclr.networks.saved_encoder import open_encoder

    net, description = open_encoder(encoder_file(Path(run)))
    net = net.float()
    shape = description.channels, description.size
    for name in formats or ("torch",):
        if name == "torch":
            paths = write_plain(net, description, out)
            click.echo(f"torch         {', '.join(str(path) for path in paths)}")
        elif name == "torchscript":
            difference = write_torchscript(net, *shape, out / "encoder.pt")
            click.echo(f"torchscript   {out / 'encoder.pt'}   (largest relative difference {difference:.0e})")
        else:
            difference = write_onnx(net, *shape, out / "encoder.onnx")
            click.echo(f"onnx          {out / 'encoder.onnx'}   (largest relative difference {difference:.0e})")
