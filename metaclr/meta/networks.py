"""Copies of an encoder as functional networks, one for each thread; made when they are first needed."""

from __future__ import annotations

from collections.abc import Sequence
from itertools import chain

from torch import nn

from metaclr.meta.functional_network import FunctionalNetwork


class Networks:
    """Not a module: the copies are no part of a learner's state, and stay behind when it is copied or sent."""

    def __init__(self, encoder: nn.Module) -> None:
        self.encoder = encoder
        self._made: list[FunctionalNetwork] = []
        self._kind: object = None

    def __call__(self, count: int) -> Sequence[FunctionalNetwork]:
        """At least `count` networks, on the encoder's device and in its precision."""
        first = next(chain(self.encoder.parameters(), self.encoder.buffers()), None)
        kind = None if first is None else (first.device, first.dtype)
        if kind != self._kind:
            self._made, self._kind = [], kind
        while len(self._made) < count:
            self._made.append(FunctionalNetwork(self.encoder))
        return self._made

    def __deepcopy__(self, memo: dict[int, object]) -> Networks:
        return Networks(memo.get(id(self.encoder), self.encoder))  # type: ignore[arg-type]

    def __getstate__(self) -> dict[str, object]:
        return {"encoder": self.encoder, "_made": [], "_kind": None}
