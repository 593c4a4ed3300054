"""Checks of what a user may set about a network: one line that names the option and what is legal."""

from __future__ import annotations

from collections.abc import Callable, Collection, Mapping
from difflib import get_close_matches
from inspect import Parameter, signature
from typing import Any

from metaclr.errors import UserError


def keyword_options(builder: Callable[..., Any]) -> tuple[str, ...]:
    """The names of a builder's keyword-only parameters: they are the options of its network."""
    parameters = signature(builder).parameters.values()
    return tuple(p.name for p in parameters if p.kind is Parameter.KEYWORD_ONLY)


def check_names(network: str, options: Mapping[str, Any], legal: Collection[str]) -> None:
    """Raises UserError for an option that `network` does not have; names the legal ones."""
    for name in options:
        if name not in legal:
            near = get_close_matches(name, legal, n=1)
            hint = f"did you mean {near[0]!r}? " if near else ""
            there = f"its options are: {', '.join(legal)}" if legal else "it has no options"
            raise UserError(f"encoder {network!r} has no option {name!r}; {hint}{there}")


def whole(name: str, value: Any, least: int = 1) -> int:
    """`value` as a whole number. Raises UserError if it is none, or below `least`."""
    if not isinstance(value, int) or isinstance(value, bool) or value < least:
        raise UserError(f"{name} = {value!r}: a whole number of at least {least}")
    return value


def rate(name: str, value: Any) -> float:
    """`value` as a rate in [0, 1). Raises UserError if it is none."""
    if not isinstance(value, (int, float)) or isinstance(value, bool) or not 0 <= value < 1:
        raise UserError(f"{name} = {value!r}: a number from 0 to below 1")
    return float(value)


def large_enough(network: str, size: int, least: int) -> None:
    """Raises UserError for images that the network's pooling would leave nothing of."""
    if size < least:
        raise UserError(
            f"encoder {network!r} needs images of at least {least} x {least} pixels, not {size} x {size}; "
            f"set size={least}"
        )
