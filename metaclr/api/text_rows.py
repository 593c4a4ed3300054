"""rows.csv of results on texts."""

from __future__ import annotations

from collections.abc import Sequence
from pathlib import Path
from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    import pandas as pd


def written_rows(rows: Sequence[tuple[Any, ...]], columns: Sequence[str], folder: Path) -> pd.DataFrame:
    """The rows as a frame, which is written to rows.csv of a folder, with three decimals."""
    import pandas as pd

    from metaclr.files import write_atomic

    frame = pd.DataFrame(rows, columns=list(columns))
    folder.mkdir(parents=True, exist_ok=True)
    write_atomic(folder / "rows.csv", frame.round(3).to_csv(index=False))
    return frame
