"""One rank of two for test_together: what it says is what the test compares."""

from __future__ import annotations

import os
import sys
import time
from pathlib import Path

from metaclr.engine.distributed import ranks
from metaclr.engine.process_group import (
    broadcast_from_first,
    gather_objects,
    process_group,
    raise_together,
    run_first_rank_first,
)
from metaclr.errors import SilentError, UserError


def main(folder: Path) -> None:
    lines: list[str] = []

    def notify(*parts: object) -> None:
        lines.append(" ".join(map(str, parts)))

    with process_group():
        rank_info = ranks()
        notify("of all", gather_objects(rank_info.rank * 10))
        notify("by first", broadcast_from_first(lambda: os.environ["RANK"]))

        def fails() -> int:
            if rank_info.rank == 1:
                raise OSError(28, "No space left on device", "a-file")
            return 5

        try:
            raise_together(fails)
        except UserError as error:
            notify("in step", error)

        def look() -> bool:
            seen = (folder / "there").exists()
            time.sleep(0.3)
            (folder / "there").touch()
            return seen

        notify("first then others", run_first_rank_first(look))
    assert ranks().world == 1
    try:  # once more, in another group
        with process_group():
            raise_together(lambda: (_ for _ in ()).throw(UserError("wrong")))
    except SilentError:
        notify("ends silent")
    except UserError as error:
        notify("ends", error)
    (folder / f"said{os.environ['RANK']}").write_text("\n".join(lines))


main(Path(sys.argv[1]))
