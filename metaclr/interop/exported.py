"""A trained encoder as TorchScript or ONNX, compared with the module before the file is kept."""

from __future__ import annotations

import warnings
from importlib.util import find_spec
from io import BytesIO
from pathlib import Path
from tempfile import TemporaryDirectory

import torch
from torch import Tensor, nn

from metaclr.errors import UserError
from metaclr.extras import how_to_get
from metaclr.files import write_atomic

TOLERANCE = 1e-4
"""Largest difference of a feature, relative to the largest feature."""

_ONNX = ("onnx", "onnxscript", "onnxruntime")


def write_torchscript(net: nn.Module, channels: int, size: int, path: Path) -> float:
    """Write the traced network, for any number of images; returns the largest relative difference to the module.

    Raises:
        UserError: the traced network differs.
        OSError: the file cannot be written.
    """
    net = net.eval()
    with torch.no_grad(), warnings.catch_warnings():
        warnings.simplefilter("ignore")  # torch says that TorchScript is old; programs in use still read it
        traced = torch.jit.trace(net, _pixels(2, channels, size), check_trace=False)  # type: ignore[no-untyped-call]
        pixels = _pixels(5, channels, size, seed=1)
        difference = _difference(traced(pixels), net(pixels), "TorchScript")
        buffer = BytesIO()
        torch.jit.save(traced, buffer)
    write_atomic(path, buffer.getvalue())
    return difference


def write_onnx(net: nn.Module, channels: int, size: int, path: Path) -> float:
    """Write the network as ONNX, for any number of images; returns the largest relative difference to the module.

    Raises:
        UserError: a missing library, or ONNX Runtime gives other features.
        OSError: the file cannot be written.
    """
    missing = [name for name in _ONNX if find_spec(name) is None]
    if missing:
        raise UserError(f"--format onnx needs {', '.join(missing)}: {how_to_get('onnx')}")
    import onnxruntime

    net = net.eval()
    with TemporaryDirectory() as scratch:
        file = Path(scratch) / "encoder.onnx"
        axes = ({0: torch.export.Dim("batch")},)
        torch.onnx.export(
            net,
            (_pixels(2, channels, size),),
            file,
            dynamo=True,
            dynamic_shapes=axes,
            external_data=False,
            verbose=False,
        )
        session = onnxruntime.InferenceSession(file)
        pixels = _pixels(5, channels, size, seed=1)
        (found,) = session.run(None, {session.get_inputs()[0].name: pixels.numpy()})
        with torch.no_grad():
            difference = _difference(torch.from_numpy(found), net(pixels), "ONNX")
        write_atomic(path, file.read_bytes())
    return difference


def _pixels(count: int, channels: int, size: int, seed: int = 0) -> Tensor:
    return torch.rand(count, channels, size, size, generator=torch.Generator().manual_seed(seed))


def _difference(found: Tensor, expected: Tensor, what: str) -> float:
    difference = float((found - expected).abs().max() / expected.abs().max().clamp_min(1e-12))
    if not difference <= TOLERANCE:
        raise UserError(f"the {what} network differs from the module by {difference:.1e} of its largest feature")
    return difference
