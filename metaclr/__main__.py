"""`python -m metaclr`; a missing package is reported in one line."""

from __future__ import annotations

import sys

HOW = {
    "learn2learn": "pip install 'metaclr[l2l]', or in a checkout: uv sync --extra l2l",
    "timm": "pip install 'metaclr[timm]', or in a checkout: uv sync --extra timm",
    "umap": "pip install 'metaclr[umap]', or in a checkout: uv sync --extra umap",
    "ray": "pip install 'metaclr[ray]', or in a checkout: uv sync --extra ray",
}


def run() -> None:
    """Run the command line. A missing package is one line and exit code 2."""
    try:
        from metaclr.cli import main

        main()
    except ModuleNotFoundError as missing:
        package = (missing.name or "a package").partition(".")[0]
        if package in {"metaclr", "episodes"}:
            raise
        how = HOW.get(package, f"pip install {package}")
        print(f"metaclr: needs the package {package!r}, which is not installed here: {how}", file=sys.stderr)
        sys.exit(2)


if __name__ == "__main__":
    run()
