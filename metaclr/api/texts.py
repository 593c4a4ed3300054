"""`metaclr.train_texts(...)`: methods on sentences alone, measured by semantic textual similarity beside controls."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, field
from hashlib import sha256
from pathlib import Path
from typing import TYPE_CHECKING, Any

from metaclr.api.text_rows import written_rows
from metaclr.comparison.runs.text_training import TextOptions
from metaclr.errors import UserError

if TYPE_CHECKING:
    import pandas as pd
    from torch import Tensor, nn

    from metaclr.text.sentence_pairs import SentencePairs
    from metaclr.text.vocabulary import Vocabulary

COLUMNS = ("method", "seed", "task", "spearman", "low", "high", "pairs")


@dataclass(frozen=True)
class SentenceModel:
    """A trained encoder of sentences and its words."""

    encoder: nn.Module
    vocabulary: Vocabulary

    def embed(self, sentences: Sequence[str]) -> Tensor:
        """Features float32 (B, F), on the CPU."""
        from metaclr.text.sentence_encoder import embed_sentences

        return embed_sentences(self.encoder, self.vocabulary.encode(sentences))


@dataclass(frozen=True)
class TextResults:
    """rows: Spearman's correlation times 100 and its 95 % interval, by method, seed and task. models: by run."""

    rows: pd.DataFrame
    folder: Path
    models: dict[str, SentenceModel] = field(repr=False)

    def table(self) -> pd.DataFrame:
        """Mean over seeds, a line a method and a column a task, and the mean over tasks."""
        tasks = list(dict.fromkeys(self.rows.task))
        wide = self.rows.pivot_table(index="method", columns="task", values="spearman", sort=False)[tasks]
        return wide.assign(average=wide.mean(axis=1)) if len(tasks) > 1 else wide


def train_texts(
    pairs: Sequence[str | Path],
    methods: str | Sequence[str] = "simcse",
    *,
    texts: str | Path | None = None,
    options: TextOptions | None = None,
    steps: int | None = None,
    seeds: Sequence[int] = (0,),
    out: str | Path = "results/text",
    device: str = "auto",
    overrides: Sequence[str] = (),
    quiet: bool = False,
) -> TextResults:
    """Train methods on sentences without labels, and measure every encoder and the controls on pairs of sentences.

    Args:
        pairs: files or folders of scored pairs (`metaclr.text.sentence_pairs`).
        methods: names, with settings as in a comparison: `simcse(temperature=0.1)`.
        texts: a file of sentences to train on, one a line; None: those of `pairs`, without their scores.
        steps, overrides: of the training, such as `"train.batch_views=128"`.
        out: a folder for checkpoints and rows.csv; an interrupted training in it resumes, a finished one is loaded.

    Raises:
        UserError: nothing to read, or a method that needs labels, positives or a learner of its own.
    """
    from metaclr.comparison.runs.text_training import text_learner, text_runs, train_on_tokens
    from metaclr.console import notify, progress
    from metaclr.device import choose_device
    from metaclr.evaluation.sentence_similarity import control_cosines, correlation, encoder_cosines
    from metaclr.evaluation.word_counts import CONTROLS
    from metaclr.text.sentence_pairs import read_tasks
    from metaclr.text.vocabulary import Vocabulary

    how, tasks = options or TextOptions(), read_tasks([Path(path) for path in pairs])
    for task in tasks if not quiet else ():
        left = f", {task.unscored:,} without a score left out" if task.unscored else ""
        notify(f"{task.name}: {len(task.scores):,} pairs{left}")
    sentences = _sentences(texts, tasks)
    recipe, runs = text_runs(methods, steps, seeds, overrides)
    vocabulary, at = Vocabulary.of(sentences, how.length), choose_device(device)
    rows: list[tuple[Any, ...]] = []

    def measured(name: str, seed: int, task: SentencePairs, cosines: Tensor) -> None:
        found = correlation(cosines, task.scores)
        rows.append((name, seed, task.name, found.value, found.low, found.high, found.n))

    for name in CONTROLS:
        for task in tasks:
            measured(name, 0, task, control_cosines(name, sentences, task))
    models: dict[str, SentenceModel] = {}
    for run in runs:
        learner = text_learner(run, recipe, vocabulary, how, len(sentences))
        start = SentenceModel(learner.get_submodule("encoder"), vocabulary)
        if f"untrained-s{run.seed}" not in models:
            models[f"untrained-s{run.seed}"] = start
            for task in tasks:
                measured("untrained", run.seed, task, encoder_cosines(start.embed, task))
        with progress(f"{run.entry.title} on {len(sentences):,} sentences", quiet=quiet) as bar:
            train_on_tokens(
                learner, vocabulary.encode(sentences), run, recipe, how, folder=Path(out) / run.name, device=str(at),
                identity=sha256("\n".join(sentences).encode()).hexdigest(), progress=bar,
            )  # fmt: skip
        model = models[run.name] = SentenceModel(learner.get_submodule("encoder"), vocabulary)
        for task in tasks:
            measured(run.entry.title, run.seed, task, encoder_cosines(model.embed, task))
    return TextResults(written_rows(rows, COLUMNS, Path(out)), Path(out), models)


def _sentences(texts: str | Path | None, tasks: Sequence[SentencePairs]) -> list[str]:
    """The different sentences to train on, sorted."""
    if texts is None:
        return sorted({sentence for task in tasks for sentence in task.sentences})
    try:
        found = {line.strip() for line in Path(texts).read_text(encoding="utf-8-sig").splitlines()} - {""}
    except (OSError, UnicodeDecodeError) as error:
        raise UserError(f"{texts}: not a readable text ({error}); write one sentence a line, as UTF-8") from error
    if len(found) < 2:
        raise UserError(f"{texts}: {len(found)} sentences; write one a line, at least two")
    return sorted(found)
