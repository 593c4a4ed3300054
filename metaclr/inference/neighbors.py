"""The most similar images of a set for some query images, by the cosine of their features."""

from __future__ import annotations

from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING

import torch
import torch.nn.functional as F
from torch import Tensor

from episodes import random
from metaclr.errors import UserError
from metaclr.inference.thumbnails import thumbnail
from metaclr.page_templates import render

if TYPE_CHECKING:
    import pandas as pd

    from episodes import ImageSet
    from metaclr.inference.trained_encoder import TrainedEncoder

_ROWS = 1024
"""Queries at once."""


@dataclass(frozen=True, eq=False)
class Neighbors:
    """Of Q queries the K most similar images of a set, most similar first.

    queries: images (Q). images: the set. index, cosine: (Q, K). own: the queries are images of the set, which are no
    neighbors of themselves.
    """

    queries: ImageSet
    images: ImageSet
    index: Tensor
    cosine: Tensor
    own: bool

    @property
    def same_class(self) -> Tensor | None:
        """(Q, K) bool: whether a neighbor has its query's class, by name; None where one of the two has no labels."""
        if self.queries.labels is None or self.images.labels is None:
            return None
        names = {self.images.class_name(label): label for label in range(self.images.classes)}
        of_query = [names.get(self.queries.class_name(label), -1) for label in range(self.queries.classes)]
        asked = torch.tensor(of_query)[self.queries.required_labels()]
        return self.images.required_labels()[self.index] == asked[:, None]

    def to_frame(self) -> pd.DataFrame:
        """One row a neighbor: query, query_class, rank (from 1), neighbor, neighbor_class, similarity."""
        import pandas as pd

        count = self.index.shape[1]
        rows = self.index.flatten().tolist()
        asked = [q for q in range(len(self.queries)) for _ in range(count)]
        return pd.DataFrame(
            {
                "query": [name_of(self.queries, q) for q in asked],
                "query_class": [class_of(self.queries, q) for q in asked],
                "rank": [*range(1, count + 1)] * len(self.queries),
                "neighbor": [name_of(self.images, i) for i in rows],
                "neighbor_class": [class_of(self.images, i) for i in rows],
                "similarity": self.cosine.flatten().tolist(),
            }
        )


def find_neighbors(
    encoder: TrainedEncoder, images: ImageSet, queries: ImageSet | None = None, *, k: int = 8, count: int = 24
) -> Neighbors:
    """The k most similar images of a set for each query.

    Args:
        queries: images (of any size); None: `count` images of the set itself, drawn class by class in turn.

    Raises:
        UserError: fewer than k other images.
    """
    found = encoder.images(images)
    own = queries is None
    others = len(found) - own
    if not 1 <= k <= others:
        raise UserError(f"--k {k}: from 1 to {others}, the other images of {found.name}")
    rows = F.normalize(encoder.embed(found), dim=-1)
    if queries is None:
        at = _drawn(found, count)
        asked, asking = found.select(at.tolist()), rows[at.to(rows.device)]
    else:
        at = torch.full((len(queries),), -1)
        asked = encoder.images(queries)
        asking = F.normalize(encoder.embed(asked), dim=-1)
    index, cosine = [], []
    for part, places in zip(torch.split(asking, _ROWS), torch.split(at, _ROWS), strict=True):
        similar = part @ rows.mT
        if own:
            similar[torch.arange(len(part)), places] = -2.0
        best = similar.topk(k, dim=1)
        index.append(best.indices.cpu())
        cosine.append(best.values.cpu())
    return Neighbors(asked, found, torch.cat(index), torch.cat(cosine), own)


def neighbors_page(found: Neighbors, *, encoder: str) -> str:
    """One self-contained page: a query a row, with its neighbors; those of another class are marked."""
    same = found.same_class
    rows = [
        {
            "picture": thumbnail(found.queries, q),
            "file": name_of(found.queries, q),
            "class": class_of(found.queries, q),
            "neighbors": [
                {
                    "picture": thumbnail(found.images, i),
                    "file": name_of(found.images, i),
                    "class": class_of(found.images, i),
                    "similarity": f"{float(found.cosine[q, rank]):.3f}",
                    "other": same is not None and not bool(same[q, rank]),
                }
                for rank, i in enumerate(found.index[q].tolist())
            ],
        }
        for q in range(len(found.queries))
    ]
    return render(
        Path(__file__).parent,
        "neighbors.html.j2",
        rows=rows,
        encoder=encoder,
        name=found.images.name,
        line=summary_line(found),
        count=len(rows),
    )


def summary_line(found: Neighbors) -> str:
    """'24 queries, 8 neighbors each; 71.4 % of the neighbors, and 20 of 24 first ones, are of the query's class'."""
    text = f"{len(found.queries):,} queries, {found.index.shape[1]} neighbors each"
    same = found.same_class
    if same is None:
        return text
    share, first = 100 * float(same.double().mean()), int(same[:, 0].sum())
    return (
        f"{text}; {share:.1f} % of the neighbors, and {first:,} of {len(same):,} first ones, are of the query's class"
    )


def name_of(images: ImageSet, place: int) -> str:
    """The file of an image, or its number."""
    return images.files[place] if images.files else str(place)


def class_of(images: ImageSet, place: int) -> str:
    """The class of an image, or ''."""
    return "" if images.labels is None else images.class_name(int(images.required_labels()[place]))


def _drawn(images: ImageSet, count: int) -> Tensor:
    """Places of up to `count` images: one of each class in turn, in a fixed random order."""
    order = random.permute(random.key(0, "neighbor queries"), torch.arange(len(images)), len(images))
    if images.labels is None:
        return order[:count]
    labels = images.required_labels()[order]
    nth = torch.zeros_like(labels)  # how many of its class stand before it
    for label in torch.unique(labels).tolist():
        nth[labels == label] = torch.arange(int((labels == label).sum()))
    return order[(nth * (int(labels.max()) + 1) + labels).argsort()][:count]
