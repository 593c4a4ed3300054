"""Checks of a network's options; each error names the option and what is allowed."""

from __future__ import annotations

from collections.abc import Callable, Collection, Mapping
from difflib import get_close_matches
from inspect import Parameter, signature
from typing import Any

from metaclr.errors import UserError


def keyword_options(builder: Callable[..., Any]) -> tuple[str, ...]:
    """The options of a network: the keyword-only parameters of its builder."""
    parameters = signature(builder).parameters.values()
    return tuple(p.name for p in parameters if p.kind is Parameter.KEYWORD_ONLY)


def check_names(network: str, options: Mapping[str, Any], legal: Collection[str]) -> None:
    """Check option names. Raises UserError for one that `network` does not have, and names the nearest."""
    for name in options:
        if name not in legal:
            near = get_close_matches(name, legal, n=1)
            hint = f"did you mean {near[0]!r}? " if near else ""
            options_text = f"its options are: {', '.join(legal)}" if legal else "it has no options"
            raise UserError(f"encoder {network!r} has no option {name!r}; {hint}{options_text}")


def integer(name: str, value: Any, least: int = 1) -> int:
    """`value` if it is an int of at least `least`; otherwise raises UserError."""
    if not isinstance(value, int) or isinstance(value, bool) or value < least:
        raise UserError(f"{name} = {value!r}: a whole number of at least {least}")
    return value


def rate(name: str, value: Any) -> float:
    """`value` as a float if it is a number in [0, 1); otherwise raises UserError."""
    if not isinstance(value, (int, float)) or isinstance(value, bool) or not 0 <= value < 1:
        raise UserError(f"{name} = {value!r}: a number from 0 to below 1")
    return float(value)


def switch(name: str, value: Any) -> bool:
    """`value` if it is a bool; otherwise raises UserError."""
    if not isinstance(value, bool):
        raise UserError(f"{name} = {value!r}: true or false")
    return value


def large_enough(network: str, size: int, least: int) -> None:
    """Raises UserError for images smaller than `least` pixels, which the network's pooling would reduce to nothing."""
    if size < least:
        raise UserError(
            f"encoder {network!r} needs images of at least {least} x {least} pixels, not {size} x {size}; "
            f"set size={least}"
        )
