"""How similar a query and a support vector are: four similarities, larger is closer, and their linear form.

Each takes queries `(..., R, D)`, support `(..., C, D)` and a scale (1 / temperature, a number or 0-d tensor) and
returns `(..., R, C)`. The smaller operand is multiplied by the scale, which saves a pass over the logits.
"""

from __future__ import annotations

from collections.abc import Callable

import torch.nn.functional as F
from torch import Tensor

from metaclr.errors import UserError, unknown

Similarity = Callable[[Tensor, Tensor, Tensor | float], Tensor]


def dot(query: Tensor, support: Tensor, scale: Tensor | float = 1.0) -> Tensor:
    r"""$q^\top s$; on unit vectors this is the cosine."""
    return inner_products(query * scale, support)


def cosine(query: Tensor, support: Tensor, scale: Tensor | float = 1.0) -> Tensor:
    r"""$q^\top s / (\|q\| \|s\|)$; unlike `dot` on unit vectors, prototypes are normalized again after the mean."""
    return dot(F.normalize(query, dim=-1), F.normalize(support, dim=-1), scale)


def semi_normalized(query: Tensor, support: Tensor, scale: Tensor | float = 1.0) -> Tensor:
    r"""$q^\top s / \|s\|$: only the prototype is normalized (Ye, Han and Zhan, arXiv:2011.14663)."""
    return dot(query, F.normalize(support, dim=-1), scale)


def squared_euclidean(query: Tensor, support: Tensor, scale: Tensor | float = 1.0) -> Tensor:
    r"""$-\|q - s\|^2$ (Snell et al. 2017), by one matrix product: $2 q^\top s - \|s\|^2 - \|q\|^2$.

    On unit vectors with temperature 2 tau it has the softmax of `cosine` at temperature tau.
    """
    cross = inner_products(query * (2 * scale), support)
    return cross - support.square().sum(-1).mul(scale).unsqueeze(-2) - query.square().sum(-1, keepdim=True) * scale


def linear_form(similarity: Similarity, support: Tensor) -> tuple[Tensor, Tensor | None, bool]:
    """The similarity to support (..., C, D) as a linear function of the query, up to a constant per query.

    Returns:
        weight (..., C, D), bias (..., C) or None, and whether queries are normalized first.

    Raises:
        UserError: a similarity other than the four of this file.
    """
    if similarity is dot:
        return support, None, False
    if similarity in (cosine, semi_normalized):
        return F.normalize(support, dim=-1), None, similarity is cosine
    if similarity is squared_euclidean:  # -|q|^2 is the same for every column
        return 2 * support, -support.square().sum(-1), False
    raise UserError(f"similarity {similarity!r} has no linear form; use one of this file's four")


MAX_SMALL_PRODUCTS = 16  # so few products are faster one by one than as a batch of tiny matrix products


def inner_products(query: Tensor, support: Tensor) -> Tensor:
    """`(..., R, D)` and `(..., C, D)` to `(..., R, C)`."""
    if query.shape[-2] * support.shape[-2] <= MAX_SMALL_PRODUCTS:
        return (query.unsqueeze(-2) * support.unsqueeze(-3)).sum(-1)
    return query @ support.mT


def get(name: str) -> Similarity:
    """A similarity by its name.

    Raises:
        UserError: an unknown name; the message has the nearest one.
    """
    by_name = {similarity.__name__: similarity for similarity in (dot, cosine, semi_normalized, squared_euclidean)}
    if name not in by_name:
        raise unknown("similarity", name, by_name)
    return by_name[name]
