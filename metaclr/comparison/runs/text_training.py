"""Training on sentences: the runs of methods that can, their learners on tokens, and the engine's call."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass, replace
from hashlib import sha256
from pathlib import Path
from typing import TYPE_CHECKING

import torch

from episodes import EpisodeSampler, ImageSet, TaskShape
from metaclr.bridge import override
from metaclr.comparison.runs.naming import runs_of
from metaclr.comparison.runs.training import objective_settings, shaped
from metaclr.comparison.settings.task_shapes import fit_shape
from metaclr.engine import Learner, TrainSettings, train
from metaclr.errors import UserError
from metaclr.methods.tricks import Tricks
from metaclr.networks import build_projector
from metaclr.networks.seeded_init import seeded
from metaclr.positives.pair import Pair
from metaclr.recipe import resolve
from metaclr.text.sentence_encoder import SentenceEncoder, TokenRendering
from metaclr.text.token_views import TokenViews

if TYPE_CHECKING:
    from torch import Tensor, nn

    from metaclr.comparison.runs.run import Run
    from metaclr.engine.train import Refresh, Sampler
    from metaclr.recipe import CompareRecipe
    from metaclr.text.vocabulary import Vocabulary


@dataclass(frozen=True)
class TextOptions:
    """How sentences are encoded, and what the two views of a sentence differ in.

    encoder: `transformer` or `bag`. features: F. length: words of a sentence that are read. dropout: of the encoder,
    with another mask for each view (SimCSE). cutoff: share of the dimensions of a view's word vectors that are zeroed
    (ConSERT). drop, shuffle, span: views of the tokens (`metaclr.text.TokenViews`).
    """

    encoder: str = "transformer"
    features: int = 128
    length: int = 32
    dropout: float = 0.1
    drop: float = 0.0
    shuffle: bool = False
    span: float = 1.0
    cutoff: float = 0.0

    def __post_init__(self) -> None:
        if not (self.dropout or self.cutoff or self.drop or self.shuffle or self.span < 1):
            raise UserError("the views of a sentence are alike: set dropout, cutoff, drop, shuffle or span")
        for name in ("features", "length"):
            if getattr(self, name) < 1:
                raise UserError(f"{name} = {getattr(self, name)} must be at least 1")


def text_runs(
    methods: str | Sequence[str],
    steps: int | None,
    seeds: Sequence[int],
    overrides: Sequence[str],
    *,
    with_pairs: bool = False,
) -> tuple[CompareRecipe, list[Run]]:
    """The runs of trained methods, and their recipe, which gives the budget.

    with_pairs: also methods whose positives are pairs (`tabi`), which read labels.

    Raises:
        UserError: a method that sentences cannot train.
    """

    names = methods if isinstance(methods, str) else ", ".join(methods)
    lines = [f"methods={names}", f"seeds={list(seeds)}", "sources=texts"]
    recipe = resolve({}, [*lines, *([f"train.steps={steps}"] if steps is not None else []), *overrides])
    runs = [run for run in runs_of(recipe) if run.method.trained]
    for run in runs:
        method = shaped(run)
        of_pairs = with_pairs and isinstance(method.positives, Pair)
        what = (
            "labels" if not of_pairs and (method.labels != "instance" or method.way_type != "instances")
            else "positives of its own" if method.positives is not None and not of_pairs
            else "a learner or an encoder of its own" if method.learner is not None or method.encoder
            else "views of images" if method.tricks != Tricks() or method.reconstruction or method.task_transform
            else ""
        )  # fmt: skip
        if what:
            raise UserError(f"method {run.entry.title!r} needs {what}, which sentences alone do not have")
    return recipe, runs


def text_learner(
    run: Run,
    recipe: CompareRecipe,
    vocabulary: Vocabulary,
    how: TextOptions,
    count: int,
    types: Tensor | None = None,
) -> Learner:
    """Encoder of sentences, projector and objective of a run. count: of sentences. types: of the labels of ways."""

    method = shaped(run)
    encoder = SentenceEncoder(
        how.encoder, vocabulary, how.features, dropout=how.dropout, cutoff=how.cutoff, seed=run.seed
    )
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
        encoder,
        projector,
        objective,
        momentum=method.momentum,
        momentum_schedule=schedule,
        dataset_size=count,
        types=types,
    )


def text_shape(run: Run, recipe: CompareRecipe, texts: int) -> TaskShape:
    """The training tasks of a run on so many texts, or entities: as of images, each a class of its own."""
    method = replace(shaped(run), way_type="instances")
    items = ImageSet(torch.zeros(texts, 1, 1, 1, dtype=torch.uint8), name="texts")
    return fit_shape(method, run.entry.title, run.own_recipe(recipe).train.batch_views, items)


def train_on_tokens(
    learner: nn.Module,
    tokens: Tensor,
    run: Run,
    recipe: CompareRecipe,
    how: TextOptions,
    *,
    folder: Path,
    device: str,
    identity: str,
    progress: Callable[[int, int, str], None],
    sampler: Sampler | None = None,
    refresh: Refresh | None = None,
) -> None:
    """Train a learner on tokens int64 (M, L) by the engine; resumes in `folder`.

    sampler: of episodes over the tokens; by default each text is a class of its own. identity: hash of the texts.
    """
    if sampler is None:
        items = ImageSet(torch.zeros(len(tokens), 1, 1, 1, dtype=torch.uint8), name="texts")
        sampler = EpisodeSampler(items, text_shape(run, recipe, len(tokens)), seed=run.seed)
    given = run.own_recipe(recipe).train.model_dump(exclude={"batch_views"})
    settings = TrainSettings(**{**given, "compile": "off", "device": device, "seed": run.seed})
    views = TokenViews(how.drop, how.shuffle, how.span)
    inputs = "\n".join([repr(run.training_inputs(recipe, "texts")), repr(how), identity])
    train(
        learner,
        sampler,
        TokenRendering(tokens, views, seed=run.seed),
        settings,
        folder,
        lambda step, total, loss, rate: progress(step, total, f"loss {loss:.3f}  {rate:,.0f} views/s"),
        identity=sha256(inputs.encode()).hexdigest(),
        refresh=refresh,
    )
