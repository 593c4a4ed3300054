"""Evaluate one encoder on every target; write the measurements as rows and per-item results of its run."""

from __future__ import annotations

import hashlib
from collections.abc import Callable, Iterator, Sequence
from dataclasses import asdict, dataclass, replace
from pathlib import Path
from typing import TYPE_CHECKING, Any

from metaclr.engine.process_group import broadcast_from_first
from metaclr.evaluation import Measurement, Target, embed
from metaclr.evaluation.distributed import distribute
from metaclr.evaluation.evaluators import chosen
from metaclr.evaluation.geometry import Geometry, target_geometry
from metaclr.evaluation.inspection import choose_images, inspect
from metaclr.evaluation.target import Embedded
from metaclr.evaluation.transfer import embed_source
from metaclr.results.store.episode_classes import EpisodeClasses, write_episode_classes
from metaclr.results.store.inspections import OF_RUN, write_inspections
from metaclr.results.store.per_item import write_items
from metaclr.results.store.rows import Row, write_rows

if TYPE_CHECKING:
    import torch
    from torch import nn

    from episodes import ImageSet, Views
    from metaclr.adaptation.procedure import Procedure
    from metaclr.engine.settings import Precision
    from metaclr.evaluation.evaluator import WorkItem
    from metaclr.evaluation.pairing import Pairing
    from metaclr.recipe import EvaluateRecipe


Report = Callable[[int, int, str], None]
"""Takes pieces of work that are done, their number, and what is worked on."""


@dataclass(frozen=True)
class RunInfo:
    """Columns of a row that describe the encoder and its training. seconds, views: of its training."""

    run: str
    method: str
    source: str
    encoder: str
    seed: int = 0
    steps: int = 0
    seconds: float = 0.0
    views: int = 0


def evaluate_run(
    encoder: nn.Module,
    targets: Sequence[Target],
    settings: EvaluateRecipe,
    about: RunInfo,
    folder: Path,
    device: torch.device,
    *,
    source: ImageSet | None = None,
    procedure: Procedure | None = None,
    pairing: Pairing | None = None,
    precision: Precision = "fp32",
    views: Views | None = None,
    report: Report | None = None,
) -> list[Row]:
    """Run the recipe's evaluators on every target; write rows, per-item results and classes into the run folder.

    Beside them stands what the encoder makes of single images (`evaluation.inspection`), for the report.

    Several ranks share the work; all get the rows, and the first writes. source: images that the encoder was trained
    on, for evaluators that need their features. procedure: the method's own, which the head "method" stands for.
    views: what draws views for label-free measures, the same for every encoder.
    pairing: of a method that trained on pairs, for evaluators of images and texts. report: see `measure`.
    """
    from metaclr.environment import short

    environment = short(device)
    rows, items = [], {}
    classes: dict[str, Any] = {}
    without: dict[str, Any] = {}
    inspected: dict[str, dict[str, Any]] = {}

    def look(embedded: Embedded) -> None:
        images = embedded.target.images
        found = inspect(embedded.features, images.required_labels(), choose_images(images), settings.map)
        inspected[embedded.target.name] = {name: value.numpy() for name, value in vars(found).items()}

    for measured in measure(
        encoder,
        targets,
        settings,
        device,
        source=source,
        procedure=procedure,
        pairing=pairing,
        precision=precision,
        views=views,
        look=look,
        report=report,
    ):
        row = _row(measured, about, environment)
        rows.append(row)
        if measured.per_item is not None:
            items[row.id] = measured.per_item * 100
        if measured.classes is not None:
            classes[row.protocol_pairs["digest"]] = measured.classes.numpy()
        if measured.without is not None:
            without[row.id] = 100 * measured.without.numpy()

    def write() -> None:
        write_items(folder / "per_item.npz", items)
        write_episode_classes(folder, EpisodeClasses(classes, without))
        write_inspections(folder / OF_RUN, inspected)
        write_rows(folder / "rows.csv", rows)

    broadcast_from_first(write)
    return rows


def measure(
    encoder: nn.Module,
    targets: Sequence[Target],
    settings: EvaluateRecipe,
    device: torch.device,
    *,
    source: ImageSet | None = None,
    procedure: Procedure | None = None,
    pairing: Pairing | None = None,
    precision: Precision = "fp32",
    views: Views | None = None,
    look: Callable[[Embedded], None] | None = None,
    report: Report | None = None,
) -> Iterator[Measurement]:
    """Every measurement of the recipe's evaluators, with the geometry of the features, which are computed once.

    Each rank embeds its share of a target's images and does its share of the measurements; all ranks get all of them.
    look: called with each target's features before they are measured. report: called before each piece of work.
    """
    encoder.to(device)
    evaluators = chosen(settings.model_dump())
    options: dict[str, Any] = {
        "transductive_bn": settings.transductive_bn,
        "precision": precision,
        "shared": True,
    }
    source_features = embed_source(encoder, source, evaluators, device, **options)
    for target in targets:
        if report is not None:
            report(0, 1, f"{target.name}: features")
        embedded = embed(
            encoder, target, device, source=source_features, procedure=procedure, pairing=pairing, **options
        )
        if look is not None and target.images.labels is not None:
            look(embedded)
        named = [(evaluator.name, item) for evaluator, value in evaluators for item in evaluator.items(embedded, value)]
        work = [item for _, item in named]
        if report is not None:
            work = [
                _reported(item, report, i, len(named), f"{target.name}: {name}") for i, (name, item) in enumerate(named)
            ]
        geometry = target_geometry(embedded, views, device, **options)
        for measured in distribute(work):
            yield replace(measured, geometry=geometry)


def _reported(item: WorkItem, report: Report, done: int, total: int, note: str) -> WorkItem:
    def work() -> list[Measurement]:
        report(done, total, note)
        return item()

    return work


def _row(measured: Measurement, about: RunInfo, environment: str) -> Row:
    digest = hashlib.sha256(measured.protocol.encode()).hexdigest()[:12]
    return Row(
        run=about.run,
        method=about.method,
        source=about.source,
        target=measured.target,
        encoder=about.encoder,
        seed=about.seed,
        steps=about.steps,
        evaluator=measured.evaluator,
        way=measured.way if measured.shot is not None else None,
        shot=measured.shot,
        label_subset=measured.labels if measured.shot is None else "",
        metric=measured.metric,
        value=measured.value,
        ci95=measured.ci95,
        ci95_episodes=measured.ci95_episodes,
        n_items=measured.n,
        protocol=f"{digest}: {measured.protocol}",
        environment=environment,
        train_seconds=round(about.seconds, 2),
        train_views=about.views,
        # Five digits: the last bits of a sum depend on how ranks and threads share it.
        **{name: v and float(f"{v:.5g}") for name, v in asdict(measured.geometry or Geometry()).items()},
    )
