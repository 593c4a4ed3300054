"""What ± and a test speak about, in the words that tables, figures and the report share."""

from __future__ import annotations

from collections.abc import Sequence

from metaclr.results.scores.summary import Summary
from metaclr.results.scores.table_column import TableColumn

ENCODERS = "new classes (with their images) of the same kind, for these trained encoders"
METHODS = "new classes (with their images) of the same kind and new trainings"
IMAGES = "new test images: these classes, this training part, these trained encoders"


def scope(summary: Summary, tasks: Sequence[TableColumn]) -> str:
    """What ± and tests of these columns speak about; each kind of column is named where there are several."""
    few = [t for t in tasks if t.is_few_shot]
    scopes = {METHODS if summary.about_methods(t) else ENCODERS for t in few}
    text = " or, where a run is missing, ".join(sorted(scopes, key=lambda s: s != METHODS))
    if len(few) == len(tasks):
        return text
    return f"{text} (few-shot columns), and about {IMAGES} (other columns)" if few else IMAGES
