"""Self-contained pages from jinja templates: one environment for all of them."""

from __future__ import annotations

from pathlib import Path
from typing import Any


def render(folder: Path, template: str, **values: Any) -> str:
    """A template of a folder with its values.

    Values are escaped (a `Markup` goes in as it is), one that is missing is an error, and lines that only hold a
    statement leave nothing behind.
    """
    from jinja2 import Environment, FileSystemLoader, StrictUndefined

    environment = Environment(
        loader=FileSystemLoader(folder),
        autoescape=True,
        undefined=StrictUndefined,
        trim_blocks=True,
        lstrip_blocks=True,
        keep_trailing_newline=True,
    )
    return environment.get_template(template).render(**values).lstrip()
