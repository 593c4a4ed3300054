"""`metaclr.diagnose_runs(...)`: why a representation transfers, or does not: numbers, figures and a page."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING, Any

from metaclr.api.checks import check_arguments, refuse_one_text
from metaclr.api.subjects import LAYERS, Subject, find_subjects
from metaclr.errors import UserError, unknown

if TYPE_CHECKING:
    from torch import Tensor, nn

    from episodes import ImageSet, ViewRecipe
    from metaclr.diagnose.measured import Measured, Pictured
    from metaclr.diagnose.penalty import Penalty

DATA = "glyphs:held-out"
MAX_VIEW_IMAGES = 500
"""Images whose views are drawn, evenly spaced."""
PENALTY_IMAGES = 64


@dataclass(frozen=True)
class Diagnosis:
    """A finished diagnosis: its folder, and what was measured of every encoder and layer."""

    folder: Path | None
    measured: tuple[Measured, ...]
    what: str
    """The images and views that were embedded, in words."""

    @property
    def page(self) -> Path | None:
        """The self-contained HTML page."""
        return self.folder / "diagnosis.html" if self.folder else None


def diagnose_runs(
    names: Sequence[str],
    data: str | ImageSet | None = None,
    *,
    layers: Sequence[str] = ("features",),
    out: str | Path | None = None,
    views: str | None = None,
    n_views: int = 8,
    channels: int | None = None,
    size: int | None = None,
    arch: str = "",
    pretrained: bool = True,
    device: str = "auto",
    data_root: str | Path | None = None,
    quiet: bool = True,
) -> Diagnosis:
    """Measure the geometry of encoders on the same images and the same views of them.

    Args:
        names: runs, comparisons, encoder files, `timm:NAME`, `hub:OWNER/NAME`, `open_clip:NAME/TAG`, FILE.py:FUNCTION,
            files of weights, or embeddings (see `find_subjects`).
        data: images `NAME[:PART]`, or an `ImageSet`; None is the first target of the first run, or `glyphs:held-out`.
        layers: `features`, and `projected`: the embeddings of the projector that the loss compared.
        out: folder of tables, figures and page; None writes nothing.
        views: name of the view recipe; None is that of the first run, or one for the number of channels.
        n_views: V, views of each of at most 500 images.
        channels, size: of the images for encoders from elsewhere; None for their own, else 1 and 28.
        arch: the network that files of weights are for. pretrained: False gives timm networks random weights.
        device: "auto", "cpu", "cuda" or "cuda:N". data_root: folder of data sets.

    Raises:
        UserError: bad input, in one line, before anything is written.
    """
    from metaclr.device import choose_device
    from metaclr.diagnose.measured import choose_pictured
    from metaclr.diagnose.summary import NUMBERS
    from metaclr.evaluation.features import features

    refuse_one_text("names", names)
    refuse_one_text("layers", layers)
    form = {key: value for key, value in (("size", size), ("channels", channels)) if value is not None}
    check_arguments(out=out, device=device, data_root=data_root, quiet=quiet, **form)
    for layer in layers:
        if layer not in LAYERS:
            raise unknown("layer", layer, LAYERS)
    if not names or not layers or n_views < 2:
        raise UserError("diagnose needs an encoder, a layer, and 2 views or more of an image")
    subjects = find_subjects(names, channels=channels, size=size, arch=arch, pretrained=pretrained)
    at = choose_device(device)
    chosen = data if data is not None else _default_data(subjects)
    sets = _Images(chosen, Path(data_root) if data_root else None, views, n_views, subjects)
    measured: list[Measured] = []
    notes = [_note(subject) for subject in subjects if subject.notes]
    skipped: list[str] = []
    for subject in subjects:
        if subject.embeddings is not None:
            measured.append(_of_embeddings(subject))
            continue
        images, probes = sets.of(subject)
        pictured = choose_pictured(images.labels, len(images))
        embedded = [features(_encoder(subject), some, at).cpu() for some in (images, probes)]
        for layer in layers:
            if layer == "projected" and not (subject.networks and subject.networks.projector):
                skipped.append(f"{subject.label}: no layer 'projected', since it has no projector")
                continue
            rows, of_views = (_layer(subject, layer, part) for part in embedded)
            measured.append(_measure(subject, layer, images, rows, of_views, pictured, n_views))
        if not quiet:
            _report(subject, measured, list(NUMBERS))
    if not measured:
        raise UserError(f"nothing to measure: {'; '.join(skipped)}")
    folder = Path(out) if out else None
    if folder:
        from metaclr.results.diagnosis.write import write_diagnosis

        first = next((one for one in subjects if one.encoder is not None), None)
        shown = sets.of(first)[0] if first else None
        chosen_images = choose_pictured(shown.labels, len(shown)) if shown else None
        write_diagnosis(folder, measured, sets.description, shown, chosen_images, [*notes, *skipped])
    return Diagnosis(folder, tuple(measured), sets.description)


class _Images:
    """The images, and views of some of them, in the format of each encoder; each format is made once."""

    def __init__(
        self, data: str | ImageSet, root: Path | None, views: str | None, n_views: int, subjects: Sequence[Subject]
    ) -> None:
        self.data, self.root, self.n_views = data, root, n_views
        run = next((one.networks for one in subjects if one.networks), None)
        self.tables: dict[str, Any] = dict(run.inputs.get("view_recipes", {})) if run else {}
        self.views = views or (str(run.inputs.get("views", "")) if run else "")
        self.made: dict[tuple[int, int], tuple[ImageSet, ImageSet]] = {}

    def of(self, subject: Subject) -> tuple[ImageSet, ImageSet]:
        """All images, and V views of some."""
        from metaclr.data import adapt, load
        from metaclr.evaluation.probe_views import probe_views, spaced

        key = (subject.channels, subject.size)
        if key not in self.made:
            size, channels, data = subject.size, subject.channels, self.data
            read = load(data, self.root, size=size, channels=channels) if isinstance(data, str) else data
            loaded = adapt(read, size=size, channels=channels)
            some = loaded.select(spaced(len(loaded), MAX_VIEW_IMAGES))
            self.made[key] = loaded, probe_views(some, self._recipe(subject.channels), self.n_views)
        return self.made[key]

    def _recipe(self, channels: int) -> ViewRecipe:
        from metaclr.comparison.settings.image_format import VIEWS
        from metaclr.recipe.views import view_recipe

        return view_recipe(self.views or VIEWS[channels], self.tables)

    @property
    def description(self) -> str:
        """What was embedded, in words."""
        if not self.made:
            return "embeddings that were computed elsewhere"
        images, probes = next(iter(self.made.values()))
        return (
            f"{images.name}: {len(images):,} images; {self.n_views} views ({self.views or 'default'}) of each of "
            f"{len(probes) // self.n_views:,} of them"
        )


def _note(subject: Subject) -> str:
    """Where pretrained weights come from, and the images that they were given."""
    images = f"images of {subject.channels} x {subject.size} x {subject.size}"
    return f"{subject.label}: {'; '.join((*subject.notes, images))}"


def _default_data(subjects: Sequence[Subject]) -> str:
    return next((one.networks.target for one in subjects if one.networks and one.networks.target), DATA)


def _encoder(subject: Subject) -> nn.Module:
    assert subject.encoder is not None
    return subject.encoder


def _layer(subject: Subject, layer: str, features: Tensor) -> Tensor:
    """One layer from the features (M, F)."""
    import torch

    projector = subject.networks.projector if subject.networks else None
    if layer == "features" or projector is None:
        return features
    with torch.inference_mode():
        parts = [projector(part.float()) for part in torch.split(features, 4096)]
    return torch.cat(parts).clone()  # a plain tensor: autograd refuses one made in inference mode


def _measure(
    subject: Subject, layer: str, images: ImageSet, rows: Tensor, probes: Tensor, pictured: Pictured, n_views: int
) -> Measured:
    from metaclr.diagnose.measured import measure
    from metaclr.evaluation.probe_views import spaced

    views = probes.view(-1, n_views, probes.shape[1])
    labels = images.labels if images.labels is None else images.required_labels()
    of_views = None if labels is None else labels[spaced(len(images), MAX_VIEW_IMAGES)]
    penalty = _penalty(subject, views) if layer == "projected" else None
    temperature = subject.networks.temperature if subject.networks and penalty else None
    return measure(
        subject.label,
        subject.group,
        layer,
        rows,
        labels,
        views if len(views) > 1 else None,
        of_views if len(views) > 1 else None,
        pictured,
        penalty=penalty,
        temperature=temperature,
    )


def _penalty(subject: Subject, views: Tensor) -> Penalty | None:
    """Of a run whose loss compares unit rows of one batch by inner products, without labels; otherwise None."""
    from dataclasses import replace

    from metaclr.bridge import dot, in_batch, unit_norm
    from metaclr.bridge.heads.pairwise import Pairs
    from metaclr.diagnose.penalty import relative_penalty

    networks = subject.networks
    if networks is None or networks.objective is None or networks.temperature is None:
        return None
    found = networks.objective
    plain = found.embedding == unit_norm and found.negatives is in_batch and found.head == Pairs(dot)
    if not plain or found.needs_labels or len(views) < 2:
        return None
    some = views[:PENALTY_IMAGES, :2]
    objective = replace(found, temperature=networks.temperature, learn_temperature=False)
    return relative_penalty(objective.build(2 * len(some)), some, networks.temperature)


def _of_embeddings(subject: Subject) -> Measured:
    from metaclr.diagnose.measured import choose_pictured, measure

    assert subject.embeddings is not None
    pictured = choose_pictured(subject.labels, len(subject.embeddings))
    rows, labels = subject.embeddings, subject.labels
    return measure(subject.label, subject.group, "features", rows, labels, None, None, pictured)


def _report(subject: Subject, measured: Sequence[Measured], order: Sequence[str]) -> None:
    from metaclr.console import notify

    for one in measured:
        if one.label == subject.label:
            some = [f"{name} {one.numbers[name]:.3g}" for name in order if name in one.numbers][:6]
            notify(f"{one.label}, {one.layer}: {', '.join(some)}")
