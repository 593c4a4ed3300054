"""One run's training: the sampler, the views and the learner, from a method and a recipe."""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from dataclasses import replace
from pathlib import Path
from typing import TYPE_CHECKING, Any

from episodes import ImageSet, Prefetcher, Rendering, TaskShape, Views
from metaclr.clusters import KMeans
from metaclr.clusters.labels import ClusterLabels
from metaclr.comparison.labels.class_types import class_types
from metaclr.comparison.labels.cluster_labels import is_cluster_setting
from metaclr.comparison.labels.cluster_refresh import ClusterRefresh
from metaclr.comparison.labels.known_labels import source_of
from metaclr.comparison.labels.positives_setting import is_positives_setting, labelled, rendered, ways_of
from metaclr.comparison.runs.pair_towers import text_side
from metaclr.comparison.runs.run import Run
from metaclr.comparison.settings.image_format import VIEWS
from metaclr.comparison.settings.task_shapes import fit_shape, notes
from metaclr.comparison.settings.warm_start import load_start
from metaclr.errors import UserError, unknown
from metaclr.memory import place
from metaclr.methods.tricks import TRICKS
from metaclr.networks.seeded_init import seeded
from metaclr.positives.source import Draw, plain_sampler
from metaclr.recipe.method_settings import SHAPE, TASK_SETTINGS
from metaclr.recipe.views import view_recipe

if TYPE_CHECKING:
    import torch
    from torch import nn

    from episodes.prefetch import Sampler
    from metaclr.engine import Trained
    from metaclr.engine.distributed import Ranks
    from metaclr.methods import Method
    from metaclr.networks.saved_encoder import EncoderDescription
    from metaclr.recipe import CompareRecipe

TRANSFORMS = ("", "quarter_turns", "mixed_queries")
"""Legal values of `task_transform`."""


def task_shape(run: Run, recipe: CompareRecipe, source: ImageSet | None = None) -> TaskShape:
    """The training tasks of a run, which spend the budget of views in each step; on a small source, of fewer ways.

    Args:
        source: None gives the method's own shape, whatever the data.

    Raises:
        UserError: see `fit_shape`.
    """
    images = None if source is None else ways_of(run.method, source)
    return fit_shape(shaped(run), run.entry.title, recipe.train.batch_views, images, _given(run))


def shaped(run: Run) -> Method:
    """The method with the task shape, task transform and tricks that the user set for it.

    Raises:
        UserError: a value that is not legal.
    """
    given = run.entry.settings
    values = {key: given[key] for key in SHAPE if key in given}
    for key, value in values.items():
        if not isinstance(value, int) or isinstance(value, bool) or value < (2 if key == "way" else 1):
            least = 2 if key == "way" else 1
            raise UserError(f"{run.entry.title}.{key} = {value!r}: an integer of at least {least}")
    method = replace(run.method, **values)
    if tricks := {key: given[key] for key in TRICKS if key in given}:
        method = replace(method, tricks=replace(method.tricks, **tricks))
    if (transform := given.get("task_transform", method.task_transform)) not in TRANSFORMS:
        raise unknown(f"{run.entry.title}.task_transform", str(transform), TRANSFORMS[1:])
    return replace(method, task_transform=transform)


def _given(run: Run) -> set[str]:
    return {key for key in SHAPE if key in run.entry.settings}


def objective_settings(run: Run) -> dict[str, Any]:
    """The settings of a run's entry that its objective reads."""
    read_elsewhere = {
        key
        for key, value in run.entry.settings.items()
        if key in (*SHAPE, *TASK_SETTINGS, *TRICKS) or is_cluster_setting(key, value) or is_positives_setting(key)
    }
    return {key: value for key, value in run.entry.settings.items() if key not in read_elsewhere}


def task_notes(runs: Sequence[Run], recipe: CompareRecipe, sources: Mapping[str, ImageSet]) -> tuple[str, ...]:
    """How the tasks of the methods differ from their own because of the data, methods that do alike in one line."""
    titles: dict[str, list[str]] = {}
    for run in runs:
        if run.method.trained and run.seed == runs[0].seed:
            source, own = source_of(run, sources[run.source]), run.own_recipe(recipe)
            shape = task_shape(run, own, source)
            seen = ways_of(run.method, source)
            for title, text in notes(run.entry.title, shaped(run), shape, own.train.batch_views, seen):
                titles.setdefault(text, []).append(title)
            for text in run.method.positives.notes(source) if run.method.positives else ():
                titles.setdefault(text, []).append(run.entry.title)
    return tuple(f"{', '.join(of)}: {text}" for text, of in titles.items())


def sampler_for(
    run: Run,
    recipe: CompareRecipe,
    source: ImageSet,
    rank_info: Ranks | None = None,
    clusters: ClusterLabels | None = None,
) -> Sampler:
    """Which images each step trains on: a function of the run's seed, divided among the ranks.

    rank_info: whose part of each batch; by default that of this process. clusters: of a learner that trains on
    clusters, read at each step; by default there are none yet.

    Raises:
        UserError: see `fit_shape`; or tasks that cannot be divided evenly among the ranks.
    """
    from metaclr.engine.distributed import ranks

    method, rank_info = run.method, rank_info or ranks()
    shape = task_shape(run, recipe, source)
    # A learner of its own takes whole tasks.
    count, what = (shape.tasks, "tasks") if shape.tasks > 1 or method.learner else (shape.way, "ways")
    if count % rank_info.world:
        raise UserError(
            f"train.batch_views = {recipe.train.batch_views}: method {run.entry.title!r} makes {count} {what} of "
            f"them, which cannot be divided evenly among {rank_info.world} ranks"
        )
    if method.labels == "cluster":
        clusters = clusters or _clusters(method, source)
    images = rendered(method, source)
    draw = Draw(images, len(source), shape, method, run.seed, rank_info.rank, rank_info.world, clusters, source)
    return plain_sampler(draw) if method.positives is None else method.positives.sampler(draw)


def _clusters(method: Method, source: ImageSet) -> ClusterLabels:
    assert method.clusters is not None
    return ClusterLabels(method.clusters.by.partitions, len(source))


def views_for(run: Run, recipe: CompareRecipe, shape: TaskShape | None = None) -> Views | list[Views]:
    """The view recipe of a run, or one for each of the V views of a way where support and query differ.

    All methods share the recipe's, unless a method's entry names its own, or `views_mode` is `per_method`: then each
    has the one that it declares (ProtoCLR: a support without augmentation). `support_views` of an entry's settings are
    those of the support alone.

    Args:
        shape: of the training tasks; by default the method's own.

    Raises:
        UserError: an unknown name (with the nearest).
    """
    per_method, method = recipe.views_mode == "per_method", shaped(run)
    shot, query = (shape.shot, shape.query) if shape else (method.shot, method.query)
    name = run.entry.views or (method.views if per_method else "") or recipe.views or VIEWS[recipe.channels or 1]
    declared = method.support_views if per_method and not run.entry.views else ""
    support = run.entry.settings.get("support_views") or declared or name
    if name in run.callables or support in run.callables:
        plain: dict[str, Views] = {
            of: run.callables.get(of) or view_recipe(of, recipe.view_recipes) for of in (name, support)
        }
        return plain[name] if support == name else [plain[support]] * shot + [plain[name]] * query
    of_support = view_recipe(support, recipe.view_recipes, "support")
    of_query = view_recipe(name, recipe.view_recipes, "query")
    if of_support == of_query:
        return of_query
    return [*[of_support] * shot, *[of_query] * query]


def encoder_description(run: Run, recipe: CompareRecipe, channels: int) -> EncoderDescription:
    """What the file of the run's encoder says about its network."""
    from metaclr.networks.saved_encoder import EncoderDescription

    own = run.method.encoder
    return EncoderDescription(
        name=own or recipe.encoder.name,
        options={} if own else recipe.encoder.options,
        channels=channels,
        size=recipe.size,
    )


def build_encoder_of(run: Run, recipe: CompareRecipe, source: ImageSet) -> nn.Module:
    """The encoder of a run before training: its weights depend on the seed alone, so `untrained` is where all start.

    With `encoder.start` they are those given, whatever the seed.

    Raises:
        UserError: an unknown network or option, or weights that do not fit.
    """
    from metaclr.networks import build_encoder

    settings = recipe.encoder
    if own := run.method.encoder:
        if settings.start and run.method.trained:
            raise UserError(
                f"method {run.entry.title!r} has a network of its own, {own!r}, which cannot start from encoder.start; "
                "leave the method out"
            )
        return build_encoder(own, source.channels, recipe.size, seed=run.seed)
    encoder = build_encoder(settings.name, source.channels, recipe.size, seed=run.seed, **settings.options)
    if settings.start:
        load_start(encoder, settings.start)
    return encoder


def build_learner(run: Run, recipe: CompareRecipe, source: ImageSet) -> nn.Module:
    """Encoder, projector and objective of one run, or the method's own learner; with its clusters, if it has any.

    Raises:
        UserError: an unknown network, projector, option or setting.
    """
    learner = _learner(run, recipe, source)
    if run.method.labels == "cluster":
        learner.add_module("clusters", _clusters(run.method, source))
    return learner


def _learner(run: Run, recipe: CompareRecipe, source: ImageSet) -> nn.Module:
    from metaclr.bridge import WeightedSum, override
    from metaclr.bridge.losses.koleo import KoLeo
    from metaclr.engine import Learner
    from metaclr.engine.extra_views import ExtraViews
    from metaclr.engine.learned_views import LearnedViews
    from metaclr.engine.pair_learner import PairLearner
    from metaclr.networks import build_projector
    from metaclr.networks.decoder import build_decoder

    method, settings = shaped(run), recipe.encoder
    encoder = build_encoder_of(run, recipe, source)
    if method.learner is not None:
        shape = task_shape(run, recipe, source)
        fitted = replace(method, way=shape.way, shot=shape.shot, query=shape.query)
        learner: nn.Module = method.learner(encoder, fitted, seed=run.seed, settings=objective_settings(run))
        return learner
    projector = build_projector(
        run.entry.projector or method.projector,
        int(encoder.features),  # type: ignore[arg-type]
        hidden=settings.projector_hidden,
        dim=settings.projector_dim,
        seed=run.seed,
    )
    dim, spec = int(projector.features), override(method.objective, **objective_settings(run))
    if method.tricks.koleo:
        spec = WeightedSum(((1.0, spec), (float(method.tricks.koleo), KoLeo())))
    with seeded(run.seed, "objective"):
        size = len(rendered(method, source))
        objective = spec.build(dim, dataset_size=size, classes=_classes(method, labelled(method, source)))
    extra_views = None
    text = text_side(method, source, dim, run.seed)
    draws = method.tricks.draws_views or method.tricks.learned_views or text
    if draws and recipe.train.cuda_graph == "on":
        raise UserError(
            "rotation_loss, query_mix, learned_views and texts draw in every step: set train.cuda_graph=off"
        )
    if method.tricks.draws_views:
        with seeded(run.seed, "extra views"):
            extra_views = ExtraViews(method.tricks, dim, run.seed)
    decoder = None
    if method.reconstruction:
        decoder = build_decoder(int(encoder.features), source.channels, recipe.size, seed=run.seed)  # type: ignore[arg-type]
    learned_views = None
    if method.tricks.learned_views:
        with seeded(run.seed, "learned views"):
            budget = float(method.tricks.learned_views)
            learned_views = LearnedViews(source.channels, (recipe.size, recipe.size), budget, run.seed)
    kind = PairLearner if text else Learner
    return kind(
        encoder,
        projector,
        objective,
        momentum=method.momentum,
        momentum_schedule=method.momentum_schedule,
        dataset_size=size,
        decoder=decoder,
        reconstruction=method.reconstruction,
        extra_views=extra_views,
        **text,
        types=class_types(method, source),
        learned_views=learned_views,
    )


def _classes(method: Method, source: ImageSet) -> int:
    """Number of classes that the objective sees; 0 where it is not known beforehand, or changes.

    One clustering into one partition by k-means gives classes that keep their meaning.
    """
    how = method.clusters
    if how is None:
        return source.classes
    fixed = isinstance(how.by, KMeans) and how.by.partitions == how.rounds == 1 and not how.start
    return how.by.count(len(source)) if isinstance(how.by, KMeans) and fixed else 0


def train_run(
    run: Run,
    recipe: CompareRecipe,
    source: ImageSet,
    folder: Path | None,
    device: torch.device,
    identity: str,
    progress: Callable[[int, int, float, float], None] | None = None,
) -> tuple[nn.Module, Trained]:
    """Train one run; it resumes from the checkpoint of its folder.

    Raises:
        UserError: see `sampler_for`, `views_for` and `build_learner`. NonFiniteLoss: with step and learning rate.
    """
    from metaclr.engine import TrainSettings, train

    learner = build_learner(run, recipe, source)
    placed = place(source, device)
    settings = TrainSettings(**recipe.train.model_dump(exclude={"batch_views"}), device=str(device), seed=run.seed)
    how, clusters, refresh = run.method.clusters, getattr(learner, "clusters", None), None
    if how is not None and clusters is not None:
        encoder = learner.get_submodule("encoder")
        refresh = ClusterRefresh(how, clusters, encoder, placed, run.seed, settings.steps, device, settings.precision)
    sampler = sampler_for(run, recipe, source, clusters=clusters)
    transform = shaped(run).task_transform
    tasks = {"turned": transform == "quarter_turns", "mixed": transform == "mixed_queries"}
    images = rendered(run.method, placed)
    pixels = Rendering(images, views_for(run, recipe, sampler.shape), seed=run.seed, **tasks)
    # Nothing can be read ahead of a refresh: a set that does not fit is then read step by step.
    if placed.in_memory_of(device) or refresh is not None:
        return learner, train(learner, sampler, pixels, settings, folder, progress, identity=identity, refresh=refresh)
    with Prefetcher(sampler, steps=settings.steps, pin=device.type == "cuda") as ahead:
        return learner, train(learner, ahead, pixels, settings, folder, progress, identity=identity)
