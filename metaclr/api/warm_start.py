"""`--from RUN|FILE` as lines of a recipe: the weights, and of a run of metaclr's its network and images too."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any


def start_lines(start: str | Path | None) -> list[str]:
    """`KEY=VALUE` lines: encoder.start, and the network, size and channels that a run of metaclr's describes.

    Raises:
        UserError: no such run or file.
    """
    if start is None:
        return []
    from metaclr.comparison.settings.warm_start import start_file
    from metaclr.networks.saved_encoder import is_saved_encoder, open_encoder

    path = start_file(str(start))
    lines = [f"encoder.start={json.dumps(str(start))}"]
    if not is_saved_encoder(path):
        return lines
    _, description = open_encoder(path)
    options = ", ".join(f"{key} = {_toml(value)}" for key, value in description.options.items())
    return [
        *lines,
        f"encoder.name={json.dumps(description.name)}",
        f"encoder.options={{{options}}}",
        f"size={description.size}",
        f"channels={description.channels}",
    ]


def _toml(value: Any) -> str:
    """A value as TOML; strings, numbers and booleans are as in JSON."""
    return json.dumps(value)
