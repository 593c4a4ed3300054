"""One rank of two for test_together: what it says is what the test compares."""

from __future__ import annotations

import os
import sys
import time
from pathlib import Path

from metaclr.engine.distributed import ranks
from metaclr.engine.together import by_first, first_then_others, in_step, joined, of_all
from metaclr.errors import Told, UserError


def main(folder: Path) -> None:
    lines: list[str] = []

    def say(*parts: object) -> None:
        lines.append(" ".join(map(str, parts)))

    with joined():
        here = ranks()
        say("of all", of_all(here.rank * 10))
        say("by first", by_first(lambda: os.environ["RANK"]))

        def fails() -> int:
            if here.rank == 1:
                raise OSError(28, "No space left on device", "a-file")
            return 5

        try:
            in_step(fails)
        except UserError as error:
            say("in step", error)

        def look() -> bool:
            seen = (folder / "there").exists()
            time.sleep(0.3)
            (folder / "there").touch()
            return seen

        say("first then others", first_then_others(look))
    assert ranks().world == 1
    try:  # once more, in another group
        with joined():
            in_step(lambda: (_ for _ in ()).throw(UserError("wrong")))
    except Told:
        say("ends silent")
    except UserError as error:
        say("ends", error)
    (folder / f"said{os.environ['RANK']}").write_text("\n".join(lines))


main(Path(sys.argv[1]))
