"""The exact gradient of a large batch in the memory of a small one: embed twice, in chunks (Gao et al. 2021).

"Scaling Deep Contrastive Learning Batch Size under Memory Limited Setup", arXiv:2101.06983. First all rows are embedded
without a graph, chunk by chunk; the loss of all embeddings gives its gradient by each of them; then each chunk is
embedded again, and that gradient goes on into the networks.

Loss and gradient are those of the whole batch, up to rounding, where a row's embedding depends on that row alone.
Batch norm is another function: each chunk is normalized by its own statistics, as if it were the batch ("ghost batch
norm", Hoffer et al. 2017, arXiv:1705.08741), in both passes; running statistics move in the second pass only, once for
each chunk. Dropout draws the same numbers in both.
"""

from __future__ import annotations

from typing import TYPE_CHECKING

import torch
from torch import Tensor, nn

from metaclr.bridge.logits.upcast import upcast
from metaclr.engine.learner import Learner
from metaclr.errors import UserError
from metaclr.networks.untracked_norms import untracked_norms

if TYPE_CHECKING:
    from episodes.task import Episode


def check_learner(learner: nn.Module) -> None:
    """Refuse a learner whose loss is not a function of embeddings alone.

    Raises:
        UserError: the method has a learner of its own, a text encoder, a decoder or learned views.
    """
    if type(learner) is not Learner or learner.decoder is not None or learner.learned_views is not None:
        raise UserError(
            "train.chunk_views works on embeddings: this method has a learner of its own, texts, a decoder or "
            "learned_views"
        )


def cached_forward_backward(
    learner: Learner, pixels: Tensor, episode: Episode, autocast: torch.autocast, chunk: int
) -> tuple[Tensor, dict[str, Tensor]]:
    """Loss and metrics of a batch `(T, N, V, C, H, W)`, embedded `chunk` rows at a time; gradients are left."""
    batch = learner.batch(pixels, episode)
    parts = batch.rows.split(chunk)  # type: ignore[no-untyped-call]
    states, embedded = [], []
    with torch.no_grad(), autocast, untracked_norms(learner):
        for part in parts:
            states.append(_generators(pixels.device))
            embedded.append(upcast(learner.projector(learner.encoder(part))))
    embeddings = torch.cat(embedded).requires_grad_()
    with autocast:
        keys = None
        if learner.momentum_encoder is not None:
            rows = batch.momentum_rows.split(chunk)  # type: ignore[no-untyped-call]
            keys = torch.cat([learner.momentum_encoder(part) for part in rows])
        loss, metrics = learner.loss(embeddings, keys, batch, episode)
    if not loss.requires_grad:
        return loss, metrics
    loss.backward()  # type: ignore[no-untyped-call]
    gradient = embeddings.grad
    if gradient is None:
        return loss, metrics
    after = _generators(pixels.device)
    for part, state, of_part in zip(parts, states, gradient.split(chunk), strict=True):  # type: ignore[no-untyped-call]
        _restore(state, pixels.device)
        with autocast:
            again = learner.projector(learner.encoder(part))
        again.backward(of_part.to(again.dtype))
    _restore(after, pixels.device)
    return loss, metrics


def _generators(device: torch.device) -> Tensor:
    """The state of the generator that dropout draws from."""
    return torch.cuda.get_rng_state(device) if device.type == "cuda" else torch.get_rng_state()


def _restore(state: Tensor, device: torch.device) -> None:
    if device.type == "cuda":
        torch.cuda.set_rng_state(state, device)
    else:
        torch.set_rng_state(state)
