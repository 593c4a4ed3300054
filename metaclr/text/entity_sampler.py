"""Ways of an entity and its mentions; after the first round half of them are entities that are mistaken for others."""

from __future__ import annotations

import torch
from torch import Tensor, nn

from episodes import Episode, TaskShape, random
from episodes.epoch_permutation import EpochPermutation
from metaclr.text.entities import Entities


class HardNegatives(nn.Module):
    """For each mention that is trained on, the wrong entities nearest to it, int64 (M, K); and the step they precede.

    Buffers of the learner, so that a checkpoint holds them; step -1: none yet.
    """

    nearest: Tensor
    step: Tensor

    def __init__(self, mentions: int, count: int) -> None:
        super().__init__()
        self.register_buffer("nearest", torch.zeros(mentions, count, dtype=torch.int64))
        self.register_buffer("step", torch.full((), -1, dtype=torch.int64))

    @torch.no_grad()
    def set(self, nearest: Tensor, step: int) -> None:
        """Replace them by int64 (M, K), found before `step`."""
        self.nearest.copy_(nearest)
        self.step.fill_(step)


def nearest_wrong(mentions: Tensor, entities: Tensor, of: Tensor, allowed: Tensor, count: int) -> Tensor:
    """The `count` entities nearest to each mention, without its own: int64 (M, count), nearest first.

    mentions (M, D), entities (E, D) unit rows. of int64 (M,): own entity. allowed bool (E,): that may be taken.
    """
    similarity = (mentions @ entities.T).masked_fill(~allowed, -torch.inf)
    similarity.scatter_(1, of.unsqueeze(1), -torch.inf)
    return similarity.topk(count, 1).indices


class EntitySampler:
    """Batches of tasks, each a pure function of (seed, step, hard negatives); a way is an entity.

    Its first view is the entity's text (number e of the texts), the others are mentions (number E + m), at random.
    Entities with a mention to train on are walked through by a keyed permutation. With hard negatives every second way
    is one of the entities that the mention of the way before it is mistaken for, in random order, the first that the
    task does not have yet.
    """

    def __init__(self, entities: Entities, shape: TaskShape, hard: HardNegatives | None = None, *, seed: int) -> None:
        self.shape, self.seed, self._hard = shape, seed, hard
        self._entities = len(entities.names)
        rows = (~entities.tested).nonzero().flatten()
        self._order = rows[entities.of[rows].argsort(stable=True)]
        """Mentions to train on, by entity."""
        self._counts = entities.counts
        self._starts = self._counts.cumsum(0) - self._counts
        self._known = (self._counts > 0).nonzero().flatten()
        self._place = torch.zeros(len(entities.mentions), dtype=torch.int64)
        self._place[rows] = torch.arange(len(rows))  # of each mention among those that are trained on
        self._all = EpochPermutation(len(self._known), shape.way, seed)
        self._half = EpochPermutation(len(self._known), -(-shape.way // 2), seed)

    def __call__(self, step: int) -> Episode:
        """The batch of a step >= 0: tables (T, N, V), int64 on the CPU."""
        hard = self._hard is not None and int(self._hard.step) >= 0
        way = -(-self.shape.way // 2) if hard else self.shape.way
        places = step * self.shape.tasks * way + torch.arange(self.shape.tasks * way).view(-1, way)
        chosen = self._known[(self._half if hard else self._all)(places)]
        if hard:
            chosen = self._with_hard(chosen, step)
        mentions = self._mentions(chosen, torch.arange(chosen.numel()).view(chosen.shape), step) + self._entities
        images = torch.cat([chosen.unsqueeze(-1), mentions], -1)
        views = torch.arange(self.shape.views).expand(images.shape).contiguous()
        return Episode(images, views, chosen, self.shape.shot, step)

    def _mentions(self, entities: Tensor, places: Tensor, step: int) -> Tensor:
        """Random mentions (..., V - 1) of the entities at some places of a batch, both int64 (...)."""
        query = self.shape.views - 1
        each = places.unsqueeze(-1) * query + torch.arange(query)
        counts, starts = self._counts[entities].unsqueeze(-1), self._starts[entities].unsqueeze(-1)
        return self._order[starts + random.below(random.key(self.seed, "mentions", step), each, counts)]

    def _with_hard(self, anchors: Tensor, step: int) -> Tensor:
        """The anchors (T, N / 2), each followed by an entity that its first mention is mistaken for: (T, N)."""
        assert self._hard is not None
        tasks, half = anchors.shape
        places = torch.arange(tasks).unsqueeze(1) * self.shape.way + 2 * torch.arange(half)
        mentions = self._mentions(anchors, places, step)[..., 0]
        near = self._hard.nearest.cpu()[self._place[mentions]]  # (T, N / 2, K)
        words = places.unsqueeze(-1) * near.shape[-1] + torch.arange(near.shape[-1])
        order = random.random_words(random.key(self.seed, "hard entities", step), words).argsort(-1)
        candidates = near.gather(-1, order).tolist()
        drawn = []
        for row, of_row in zip(anchors.tolist(), candidates, strict=True):
            taken, ways = set(row), []
            for entity, wrong in zip(row, of_row, strict=True):
                other = next((e for e in wrong if e not in taken), None)
                if other is None:  # all that the mention is mistaken for are in the task
                    other = next((e for e in self._known.tolist() if e not in taken), entity)
                taken.add(other)
                ways += [entity, other]
            drawn.append(ways[: self.shape.way])
        return torch.tensor(drawn)
