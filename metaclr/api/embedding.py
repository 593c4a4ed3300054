"""Features of an image set as a file that other programs read."""

from __future__ import annotations

from io import BytesIO
from pathlib import Path
from typing import TYPE_CHECKING

import numpy as np

from metaclr.errors import UserError
from metaclr.extras import need
from metaclr.files import write_atomic

if TYPE_CHECKING:
    from episodes import ImageSet
    from metaclr.inference import TrainedEncoder

ENDINGS = (".npz", ".parquet")


def write_embeddings(encoder: TrainedEncoder, images: ImageSet, out: Path) -> tuple[int, int]:
    """Write the features of all images; returns (M, F).

    `.npz`: features (M, F) float32, files (M,), labels (M,) int64 (-1 without labels), class_names, parts (M,).
    `.parquet`: one row an image: file, class, part, f0, f1, ...; needs the extra `parquet`.

    Raises:
        UserError: another ending, or a missing library.
        OSError: the file cannot be written.
    """
    if out.suffix.lower() not in ENDINGS:
        raise UserError(f"--out {out}: must end in {' or '.join(ENDINGS)}")
    count = len(images)
    labels = np.full(count, -1, dtype=np.int64) if images.labels is None else images.required_labels().numpy()
    names = [images.class_name(label) for label in range(images.classes)]
    files = list(images.files) or [str(i) for i in range(count)]
    parts = list(images.split) or [""] * count
    if out.suffix.lower() == ".parquet":
        need("pyarrow", f"--out {out}")
    rows = encoder.embed(images).cpu().float().numpy()
    buffer = BytesIO()
    if out.suffix.lower() == ".npz":
        np.savez(
            buffer,
            features=rows,
            files=np.array(files, dtype=np.str_),
            labels=labels,
            class_names=np.array(names, dtype=np.str_),
            parts=np.array(parts, dtype=np.str_),
        )
    else:
        import pandas as pd

        columns = {"file": files, "class": [names[i] if i >= 0 else "" for i in labels.tolist()], "part": parts}
        values = pd.DataFrame(rows, columns=[f"f{i}" for i in range(rows.shape[1])])
        pd.concat([pd.DataFrame(columns), values], axis=1).to_parquet(buffer, index=False)
    write_atomic(out, buffer.getvalue())
    return count, rows.shape[1]
