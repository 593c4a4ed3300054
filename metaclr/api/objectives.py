"""`metaclr.objective("simclr", temperature=0.2)(embeddings)`: any method's loss on your own embeddings."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from torch import nn

    from metaclr.methods import Method


def objective(method: str | Method, *, dim: int = 128, **settings: Any) -> nn.Module:
    """The loss of a method as a module on embeddings `(T, N, V, D)`, or `(N, V, D)` for one task.

    Args:
        method: a name (`metaclr methods`) or your own `Method`.
        dim: D, for objectives with parameters or a queue of that width; others take any D.
        settings: the method's own settings, such as `temperature`.

    Returns:
        A module: `loss = module(embeddings)`; labelled objectives take `Context(labels=...)` as well.

    Raises:
        UserError: an unknown method (with the nearest name) or an unknown setting.

    >>> import torch, metaclr
    >>> embeddings = torch.randn(4, 2, 16)  # 4 images, 2 views each
    >>> metaclr.objective("simclr", temperature=0.2)(embeddings).shape
    torch.Size([])
    """
    from metaclr.comparison.settings.method_files import find_method

    return find_method(method).objective.build(dim, **settings)
