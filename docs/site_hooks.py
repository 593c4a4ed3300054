"""mkdocs adds the generated reference pages and CONTRIBUTING.md, in `mkdocs build` and `mkdocs serve`."""

from __future__ import annotations

import sys
from pathlib import Path
from typing import Any

from mkdocs.structure.files import File, Files

DOCS = Path(__file__).parent
for _path in (DOCS, DOCS.parent):
    if str(_path) not in sys.path:
        sys.path.insert(0, str(_path))

from reference_pages import method_names, pages  # noqa: E402  after its folder is on the path

_SETTINGS = ("index", "comparison", "data", "encoder", "train", "evaluate", "few_shot", "low_label", "cluster")


def on_config(config: Any) -> Any:
    """Enter the generated pages in the navigation."""
    for section in config.nav:
        if "Reference" in section:
            methods = [f"reference/methods/{name}.md" for name in ["index", *method_names()]]
            settings = [f"reference/settings/{name}.md" for name in _SETTINGS]
            section["Reference"] = [
                {"Methods": methods},
                {"Settings": settings},
                {"Commands": "reference/commands.md"},
                {"Python": "reference/python.md"},
            ]
    return config


def on_files(files: Files, config: Any) -> Files:
    """Add them as files without a source."""
    found = {**pages(), "contributing.md": (DOCS.parent / "CONTRIBUTING.md").read_text(encoding="utf-8")}
    for path, text in found.items():
        files.append(File.generated(config, path, content=text))
    return files
