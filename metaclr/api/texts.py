"""`metaclr.train_texts(...)`: methods on sentences alone, measured by semantic textual similarity beside controls."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, field
from hashlib import sha256
from pathlib import Path
from typing import TYPE_CHECKING, Any

from metaclr.errors import UserError

if TYPE_CHECKING:
    import pandas as pd
    from torch import Tensor, nn

    from metaclr.comparison.run import Run
    from metaclr.recipe import CompareRecipe
    from metaclr.text.sentence_pairs import SentencePairs
    from metaclr.text.vocabulary import Vocabulary

COLUMNS = ("method", "seed", "task", "spearman", "low", "high", "pairs")


@dataclass(frozen=True)
class TextOptions:
    """How sentences are encoded, and what the two views of a sentence differ in.

    encoder: `transformer` or `bag`. features: F. length: words of a sentence that are read. dropout: of the encoder,
    with another mask for each view (SimCSE). drop, shuffle, span: views of the tokens (`metaclr.text.TokenViews`).
    """

    encoder: str = "transformer"
    features: int = 128
    length: int = 32
    dropout: float = 0.1
    drop: float = 0.0
    shuffle: bool = False
    span: float = 1.0

    def __post_init__(self) -> None:
        if not (self.dropout or self.drop or self.shuffle or self.span < 1):
            raise UserError("the views of a sentence are alike: set dropout, drop, shuffle or span")
        for name in ("features", "length"):
            if getattr(self, name) < 1:
                raise UserError(f"{name} = {getattr(self, name)} must be at least 1")


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
    from metaclr.console import notify, progress
    from metaclr.device import choose_device
    from metaclr.evaluation.sentence_similarity import CONTROLS, control_cosines, correlation, encoder_cosines
    from metaclr.text.sentence_pairs import read_tasks
    from metaclr.text.vocabulary import Vocabulary

    how, tasks = options or TextOptions(), read_tasks([Path(path) for path in pairs])
    for task in tasks if not quiet else ():
        left = f", {task.unscored:,} without a score left out" if task.unscored else ""
        notify(f"{task.name}: {len(task.scores):,} pairs{left}")
    sentences = _sentences(texts, tasks)
    recipe, runs = _runs(methods, steps, seeds, overrides)
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
        learner = _learner(run, recipe, vocabulary, how, len(sentences))
        start = SentenceModel(learner.get_submodule("encoder"), vocabulary)
        if f"untrained-s{run.seed}" not in models:
            models[f"untrained-s{run.seed}"] = start
            for task in tasks:
                measured("untrained", run.seed, task, encoder_cosines(start.embed, task))
        with progress(f"{run.entry.title} on {len(sentences):,} sentences", quiet=quiet) as bar:
            _train(run, recipe, learner, vocabulary, sentences, how, Path(out) / run.name, str(at), bar)
        model = models[run.name] = SentenceModel(learner.get_submodule("encoder"), vocabulary)
        for task in tasks:
            measured(run.entry.title, run.seed, task, encoder_cosines(model.embed, task))
    return _written(rows, Path(out), models)


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


def _runs(
    methods: str | Sequence[str], steps: int | None, seeds: Sequence[int], overrides: Sequence[str]
) -> tuple[CompareRecipe, list[Run]]:
    """Raises UserError for a method that sentences cannot train."""
    from metaclr.comparison.naming import runs_of
    from metaclr.comparison.training import shaped
    from metaclr.methods.tricks import Tricks
    from metaclr.recipe import resolve

    names = methods if isinstance(methods, str) else ", ".join(methods)
    lines = [f"methods={names}", f"seeds={list(seeds)}", "sources=texts"]
    recipe = resolve({}, [*lines, *([f"train.steps={steps}"] if steps is not None else []), *overrides])
    runs = [run for run in runs_of(recipe) if run.method.trained]
    for run in runs:
        method = shaped(run)
        what = (
            "labels" if method.labels != "instance" or method.way_type != "instances"
            else "positives of its own" if method.positives is not None
            else "a learner or an encoder of its own" if method.learner is not None or method.encoder
            else "views of images" if method.tricks != Tricks() or method.reconstruction or method.task_transform
            else ""
        )  # fmt: skip
        if what:
            raise UserError(f"method {run.entry.title!r} needs {what}, which sentences alone do not have")
    return recipe, runs


def _learner(run: Run, recipe: CompareRecipe, vocabulary: Vocabulary, how: TextOptions, count: int) -> nn.Module:
    from metaclr.bridge import override
    from metaclr.comparison.training import objective_settings, shaped
    from metaclr.engine import Learner
    from metaclr.networks import build_projector
    from metaclr.networks.seeded_init import seeded
    from metaclr.text.sentence_encoder import SentenceEncoder

    method = shaped(run)
    encoder = SentenceEncoder(how.encoder, vocabulary, how.features, dropout=how.dropout, seed=run.seed)
    projector = build_projector(
        run.entry.projector or method.projector,
        how.features,
        hidden=recipe.encoder.projector_hidden,
        dim=recipe.encoder.projector_dim,
        seed=run.seed,
    )
    with seeded(run.seed, "objective"):
        spec = override(method.objective, **objective_settings(run))
        objective = spec.build(int(projector.features), dataset_size=count, classes=0)
    schedule = method.momentum_schedule
    return Learner(
        encoder, projector, objective, momentum=method.momentum, momentum_schedule=schedule, dataset_size=count
    )


def _train(
    run: Run, recipe: CompareRecipe, learner: nn.Module, vocabulary: Vocabulary, sentences: Sequence[str],
    how: TextOptions, folder: Path, device: str, progress: Any,
) -> None:  # fmt: skip
    import torch

    from episodes import EpisodeSampler, ImageSet
    from metaclr.comparison.task_shapes import fit_shape
    from metaclr.comparison.training import shaped
    from metaclr.engine import TrainSettings, train
    from metaclr.text.sentence_encoder import TokenRendering
    from metaclr.text.token_views import TokenViews

    own = run.own_recipe(recipe)
    items = ImageSet(torch.zeros(len(sentences), 1, 1, 1, dtype=torch.uint8), name="texts")
    shape = fit_shape(shaped(run), run.entry.title, own.train.batch_views, items)
    given = own.train.model_dump(exclude={"batch_views"})
    settings = TrainSettings(**{**given, "compile": "off", "device": device, "seed": run.seed})
    views = TokenViews(how.drop, how.shuffle, how.span)
    identity = sha256("\n".join([repr(run.training_inputs(recipe, "texts")), repr(how), *sentences]).encode())
    train(
        learner,
        EpisodeSampler(items, shape, seed=run.seed),
        TokenRendering(vocabulary.encode(sentences), views, seed=run.seed),
        settings,
        folder,
        lambda step, total, loss, rate: progress(step, total, f"loss {loss:.3f}  {rate:,.0f} views/s"),
        identity=identity.hexdigest(),
    )


def _written(rows: list[tuple[Any, ...]], folder: Path, models: dict[str, SentenceModel]) -> TextResults:
    import pandas as pd

    from metaclr.files import write_atomic

    frame = pd.DataFrame(rows, columns=list(COLUMNS))
    folder.mkdir(parents=True, exist_ok=True)
    write_atomic(folder / "rows.csv", frame.round(3).to_csv(index=False))
    return TextResults(frame, folder, models)
