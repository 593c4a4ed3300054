"""Features of a whole image set, computed once: frozen encoder in eval mode, each image independent of the others."""

from __future__ import annotations

import torch
from torch import Tensor, nn

from episodes import ImageSet, random, to_float
from metaclr.device import device_of
from metaclr.engine.distributed import Ranks, all_reduce_max, ranks
from metaclr.engine.precision import NAMES, autocast, dtype_for, weights_dtype
from metaclr.engine.settings import Precision
from metaclr.errors import UserError
from metaclr.evaluation.distributed import gather_features
from metaclr.evaluation.measurement import join
from metaclr.memory import SHARE, free_memory
from metaclr.networks.eval_mode import evaluation_mode

# Activations of a layer of a small network fit the cache. On two cores, within 12 % of the best of 8 to 256 for Conv-4
# at 28 pixels (float32; the best in bf16), and equal to them for Conv-4 at 84 and ResNet-18 at 32 pixels.
_CPU_BATCH = 64
# A GPU is fastest with as much as fits. A pixel takes 1 KiB: four maps of 64 float32 channels. Not measured on a GPU.
_PIXEL_BYTES = 1 << 10
_GPU_BATCH = 1 << 13  # a larger batch is no faster
_TRANSDUCTIVE_BATCH = 256


class Pixels(nn.Module):
    """Control without an encoder: the pixels themselves are the features."""

    def forward(self, images: Tensor) -> Tensor:
        """(B, C, H, W) -> (B, C * H * W)."""
        return images.flatten(1)


def features(
    encoder: nn.Module,
    image_set: ImageSet,
    device: torch.device | str | None = None,
    *,
    batch: int | None = None,
    transductive_bn: bool = False,
    precision: Precision = "fp32",
    shared: bool = False,
) -> Tensor:
    """Compute features of every image, in the set's order: float32 (M, F) on `device`, float64 in float64 encoders.

    Args:
        encoder: any module from float (B, C, H, W) in [0, 1] to (B, F) or (B, ...), which is flattened. Its
            training modes and running statistics are restored; it stays on `device`.
        device: default is the device of the encoder's parameters.
        batch: images at once; default is a size that is fast on a CPU, and on a GPU one that should take half of the
            free memory (halved while it does not fit). Without `transductive_bn` the features do not depend on
            it, up to rounding.
        transductive_bn: batch norm uses the statistics of batches of the target, in a fixed shuffled order.
        precision: "fp32" makes numbers of different machines comparable; "auto" is bf16 on devices that
            multiply it fast; "fp64" converts the encoder to float64 for good.
        shared: all ranks call this; each embeds some of the batches and gets the features of all.

    Raises:
        UserError: an output that is not (B, ...), or a feature that is not finite (names the image).
    """
    at = torch.device(device) if device is not None else device_of(encoder)
    encoder.to(at)
    order = torch.arange(len(image_set))
    if transductive_bn:  # sets are often sorted by class, and a batch of one class has its own statistics
        order = random.permute(random.key(0, "transductive batches"), order, len(order))
    computed = dtype_for(encoder, precision, at)
    if computed == torch.float64:
        encoder.double()
    with torch.inference_mode(), evaluation_mode(encoder, transductive_bn=transductive_bn), autocast(at, computed):
        rank_info = ranks() if shared else Ranks()
        size = batch or (_TRANSDUCTIVE_BATCH if transductive_bn else default_batch(at, image_set.size))
        if rank_info.world > 1:
            size = -int(all_reduce_max(-float(size), device=at)[0])  # the smallest: all ranks use the same batches
        while True:
            fits, rows = True, torch.empty(len(image_set), 0, dtype=weights_dtype(computed), device=at)
            try:
                rows = _in_batches(encoder, image_set, order if transductive_bn else None, size, rows, rank_info)
            except torch.OutOfMemoryError:
                fits = False
                if size == 1 or batch or transductive_bn:
                    raise
            if rank_info.world > 1:  # a batch too large for one rank shrinks on all
                fits = not all_reduce_max(float(not fits), device=at)[0]
            if fits:
                break
            size //= 2
        if rank_info.world > 1:
            rows = gather_features(rows, device=at)
    if transductive_bn:
        rows = torch.empty_like(rows).index_copy_(0, order.to(at), rows)
    _check_finite(rows, encoder, image_set)
    return rows.clone()  # a plain tensor: autograd refuses one made in inference mode


def protocol_of(computed: torch.dtype = torch.float32, *, transductive_bn: bool = False) -> str:
    """Protocol of features that were computed in a dtype (see `engine.precision.dtype_for`)."""
    bn = f"batch of {_TRANSDUCTIVE_BATCH} target images (transductive)" if transductive_bn else "eval"
    return join(bn=bn, features=NAMES[computed])


def default_batch(device: torch.device, size: tuple[int, int]) -> int:
    """Batch size for images (H, W) = `size`: on a GPU a power of two that should take half of its free memory."""
    if device.type != "cuda":
        return _CPU_BATCH
    fitting = int(SHARE * free_memory(device)) // (size[0] * size[1] * _PIXEL_BYTES)
    return min(1 << max(fitting.bit_length() - 1, 0), _GPU_BATCH)


def _in_batches(
    encoder: nn.Module, image_set: ImageSet, order: Tensor | None, size: int, rows: Tensor, rank_info: Ranks
) -> Tensor:
    """Features (M, F) of this rank's batches, 0 in the rows of others; `rows` (M, 0) if it has no batch."""
    images = image_set.images
    for start in range(rank_info.rank * size, len(image_set), rank_info.world * size):
        batch = slice(start, start + size)
        part = images[batch] if order is None else images[order[batch].to(images.device)]
        pixels = to_float(part.to(rows.device, non_blocking=True)).to(rows.dtype)
        # channels_last is two to four times faster for convolutions on a CPU.
        out = encoder(pixels.contiguous(memory_format=torch.channels_last))
        if not isinstance(out, Tensor) or out.ndim < 2 or out.shape[0] != len(part):
            raise UserError(
                f"the encoder must give a tensor (B, F) for images {tuple(pixels.shape)}, not "
                f"{tuple(out.shape) if isinstance(out, Tensor) else type(out).__name__}"
            )
        out = out.flatten(1).to(rows.dtype)
        if start == rank_info.rank * size:
            rows = rows.new_zeros(len(image_set), out.shape[1])
        rows[batch] = out
    return rows


def _check_finite(rows: Tensor, encoder: nn.Module, image_set: ImageSet) -> None:
    bad = ~rows.isfinite().all(1)
    if bool(bad.any()):
        first = int(bad.nonzero()[0])
        raise UserError(
            f"{type(encoder).__name__} returns features that are not finite for {int(bad.sum())} of {len(rows)} "
            f"images of {image_set.name} (the first is image {first})"
        )
