"""`metaclr.train_entities(...)`: mentions find their entities (TABi), trained in rounds; accuracy for head and tail."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import astuple, dataclass
from hashlib import sha256
from pathlib import Path
from typing import TYPE_CHECKING, Any

from metaclr.api.text_rows import written_rows
from metaclr.comparison.runs.text_training import TextOptions
from metaclr.errors import UserError

if TYPE_CHECKING:
    import pandas as pd

COLUMNS = ("method", "seed", "part", "k", "accuracy", "ci95", "mentions")


@dataclass(frozen=True)
class EntityResults:
    """rows: accuracy in % by method, seed, part (all, head, tail) and k, with its 95 % half-width over mentions."""

    rows: pd.DataFrame
    folder: Path

    def table(self) -> pd.DataFrame:
        """Mean over seeds, a line a method and a column a part and k."""
        named = self.rows.assign(column=[f"{p} @{k}" for p, k in zip(self.rows.part, self.rows.k, strict=True)])
        order = list(dict.fromkeys(named.column))
        return named.pivot_table(index="method", columns="column", values="accuracy", sort=False)[order]


def train_entities(
    entities: str | Path | None = None,
    mentions: str | Path | None = None,
    methods: str | Sequence[str] = "tabi",
    *,
    options: TextOptions | None = None,
    rounds: int = 4,
    hard: int = 20,
    steps: int | None = None,
    seeds: Sequence[int] = (0,),
    out: str | Path = "results/entities",
    device: str = "auto",
    overrides: Sequence[str] = (),
    quiet: bool = False,
) -> EntityResults:
    """Train methods on entities and their mentions, and measure how often a mention's entity is the nearest.

    Args:
        entities, mentions: tables (`metaclr.text.entities`); None for both: letters and parts of their names.
        methods: `tabi`, or methods that need no labels, with settings.
        rounds: parts of the training; before each but the first, hard negatives are found anew. 1: none.
        hard: wrong entities nearest to a mention, of which one is drawn for every second way.
        out: a folder for checkpoints and rows.csv; an interrupted training in it resumes, a finished one is loaded.

    Raises:
        UserError: tables that cannot be read, or a method that texts cannot train.
    """
    from metaclr.comparison.labels.entity_refresh import EntityRefresh, embed_texts
    from metaclr.comparison.runs.text_training import text_learner, text_runs, text_shape, train_on_tokens
    from metaclr.console import notify, progress
    from metaclr.device import choose_device
    from metaclr.evaluation.entity_retrieval import accuracies, control_similarity
    from metaclr.evaluation.word_counts import CONTROLS
    from metaclr.text.entities import character_entities, read_entities
    from metaclr.text.entity_sampler import EntitySampler, HardNegatives
    from metaclr.text.vocabulary import Vocabulary

    if (entities is None) != (mentions is None):
        raise UserError("give both tables, of entities and of mentions, or neither")
    if rounds < 1 or hard < 1:
        raise UserError(f"rounds = {rounds} and hard = {hard} must be at least 1")
    given = entities is not None and mentions is not None
    found = read_entities(Path(entities), Path(mentions)) if given else character_entities()  # type: ignore[arg-type]
    how, at = options or TextOptions(dropout=0.1), choose_device(device)
    recipe, runs = text_runs(methods, steps, seeds, overrides, with_pairs=True)
    texts = [*found.texts, *found.mentions]
    count, trainable = len(found.names), int((found.counts > 0).sum())
    if not quiet:
        tested = int(found.tested.sum())
        notify(
            f"{found.about}: {count:,} entities of {len(set(found.types))} types, {len(found.mentions) - tested:,} "
            f"mentions to train on, {tested:,} to test on"
        )
    trained = [text for text, tested in zip(found.mentions, found.tested.tolist(), strict=True) if not tested]
    vocabulary = Vocabulary.of([*found.texts, *trained], how.length)
    tokens = vocabulary.encode(texts)
    rows: list[tuple[Any, ...]] = []

    def measured(name: str, seed: int, similarity: Any) -> None:
        rows.extend((name, seed, *astuple(one)) for one in accuracies(similarity, found))

    for name in CONTROLS:
        measured(name, 0, control_similarity(name, found))
    untrained: set[int] = set()
    for run in runs:
        shape = text_shape(run, recipe, trainable)
        learner = text_learner(run, recipe, vocabulary, how, len(texts), found.type_numbers)
        if run.seed not in untrained:
            untrained.add(run.seed)
            embedded = embed_texts(learner, tokens)
            measured("untrained", run.seed, embedded[count:][found.tested] @ embedded[:count].T)
        negatives = None
        refresh = None
        if rounds > 1:
            negatives = HardNegatives(int((~found.tested).sum()), min(hard, trainable - 1))
            learner.add_module("hard", negatives)
            total = run.own_recipe(recipe).train.steps
            refresh = EntityRefresh(learner, found, tokens, negatives, rounds, total)
        with progress(f"{run.entry.title} on {count:,} entities", quiet=quiet) as bar:
            train_on_tokens(
                learner, tokens, run, recipe, how, folder=Path(out) / run.name, device=str(at), progress=bar,
                identity=sha256("\n".join([*texts, repr((rounds, hard, found.of.tolist()))]).encode()).hexdigest(),
                sampler=EntitySampler(found, shape, negatives, seed=run.seed), refresh=refresh,
            )  # fmt: skip
        embedded = embed_texts(learner, tokens)
        measured(run.entry.title, run.seed, embedded[count:][found.tested] @ embedded[:count].T)
    return EntityResults(written_rows(rows, COLUMNS, Path(out)), Path(out))
