"""Vectors that stand for the ways of an episode where a network reads labels as input."""

from __future__ import annotations

import torch
from torch import Tensor

from metaclr.errors import UserError


def simplex(codes: int) -> Tensor:
    """Corners (C, C) of a regular simplex: unit vectors, any two with inner product -1 / (C - 1), float32.

    `sqrt(C / (C - 1)) (I - 1 1^T / C)`: the "ELMES" code of Fifty et al. 2024, arXiv:2310.10971, and the class means of
    Graf et al. 2021, arXiv:2102.08817. A learned linear map follows it, so that it needs no rotation of its own.

    Raises:
        UserError: fewer than 2 codes.
    """
    if codes < 2:
        raise UserError(f"codes = {codes} must be at least 2")
    centered = torch.eye(codes) - 1 / codes
    return centered * (codes / (codes - 1)) ** 0.5


def choose_codes(way: int, episodes: int, codes: int, chosen: Tensor | None, device: torch.device) -> Tensor:
    """Which code each way has: int64 (E, N), `chosen` or the first N of all.

    Raises:
        UserError: more ways than codes.
    """
    if way > codes:
        raise UserError(
            f"episodes of {way} ways for a head with label codes of {codes}: evaluate fewer ways, or train it with "
            f"head.codes = {way}"
        )
    return torch.arange(way, device=device).expand(episodes, -1) if chosen is None else chosen


def visible(n_support: int, n_query: int, device: torch.device, *, causal: bool = False) -> Tensor:
    """Which tokens (columns) each token (row) sees, bool (S + R, S + R): the support, and a query itself.

    Queries do not see each other and the support does not see them, so that a prediction is inductive and the support
    is encoded once for all queries. causal: a support token sees those up to itself alone.
    """
    mask = torch.eye(n_support + n_query, dtype=torch.bool, device=device)
    mask[:, :n_support] = True
    if causal:
        mask[:n_support, :n_support] = mask[:n_support, :n_support].tril()
    return mask
