"""`python -m metaclr`; a missing package is reported in one line."""

from __future__ import annotations

import sys

from metaclr.extras import how_to_get


def run() -> None:
    """Run the command line. A missing package is one line and exit code 2."""
    try:
        from metaclr.cli import main

        main()
    except ModuleNotFoundError as missing:
        package = (missing.name or "a package").partition(".")[0]
        if package in {"metaclr", "episodes"}:
            raise
        print(
            f"metaclr: needs the package {package!r}, which is not installed here: {how_to_get(package)}",
            file=sys.stderr,
        )
        sys.exit(2)


if __name__ == "__main__":
    run()
