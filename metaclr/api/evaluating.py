"""`metaclr.evaluate(encoder, ...)`: any network gets the same episodes, statistics and tables."""

from __future__ import annotations

import re
from collections.abc import Mapping, Sequence
from contextlib import ExitStack
from pathlib import Path
from tempfile import TemporaryDirectory
from typing import TYPE_CHECKING, Any

from metaclr.api.image_formats import Format, encoder_notes, format_of, shared_format
from metaclr.errors import UserError
from metaclr.recipe import CompareRecipe, resolve
from metaclr.recipe.protocols import with_protocol
from metaclr.results.store.rows import read_rows

if TYPE_CHECKING:
    from torch import nn

    from episodes import ImageSet
    from metaclr.api.comparing import Comparison
    from metaclr.evaluation import Target
    from metaclr.evaluation.pairing import Pairing


ELSEWHERE = "elsewhere"
"""Source of encoders that were not trained here."""

TARGETS = ("glyphs:held-out", "digits")
"""Where neither the caller nor a protocol names any."""

APPLIES = {"name", "targets", "methods", "size", "channels", "evaluate", "protocol"}
"""Recipe keys that describe an evaluation without a training; the report shows no others."""


def evaluate(
    encoders: nn.Module | Mapping[str, nn.Module],
    targets: Sequence[str] | Mapping[str, ImageSet] | None = None,
    *,
    protocol: str | None = None,
    size: int | None = None,
    channels: int | None = None,
    out: str | Path | None = None,
    device: str = "auto",
    data_root: str | Path | None = None,
    overrides: Sequence[str] = (),
    quiet: bool = False,
) -> Comparison:
    """Evaluate encoders that were trained anywhere on stored episodes, probes and label subsets.

    Args:
        encoders: a module, or several by name, from float (B, channels, size, size) in [0, 1] to (B, F). Batch
            norm is in eval mode; put a normalization that the network expects into the module. The control `pixels`
            is added, so no encoder may have its name.
        size: pixels of either side of the images. channels: 1 or 3. None is each encoder's own: its attributes `size`
            and `channels` where both are int (`metaclr.load`, `metaclr.pretrained`), else 28 and 1. Encoders of
            different sizes get the same episodes.
        targets: names `NAME[:PART]`, or your own `ImageSet`s by name; None is the protocol's, else the embedded sets.
        protocol: a published protocol by name (`metaclr.recipe.protocols`), which fixes the evaluation.
        out: a folder for rows, tables, figures and report; None keeps the rows only.
        device: "auto", "cpu", "cuda" or "cuda:N".
        data_root: folder of data sets; None is the environment variable METACLR_DATA.
        overrides: settings of the evaluators, such as `"evaluate.few_shot.query=5"`.
        quiet: no progress on stderr.

    Returns:
        The rows as a frame (`.rows`), and the folder.

    Raises:
        UserError, EpisodeError: bad input, or a folder that another process uses, in one line.
    """
    from metaclr.api.checks import check_arguments
    from metaclr.api.comparing import Comparison, own_and_names
    from metaclr.api.encoder_checks import checked_encoder, named_encoders
    from metaclr.comparison.folders.folder import check_writable
    from metaclr.comparison.folders.owner import owned
    from metaclr.comparison.planning.checks import check_recipe
    from metaclr.comparison.planning.load import load_images
    from metaclr.comparison.planning.targets import prepare
    from metaclr.comparison.runs.naming import check_labels
    from metaclr.device import choose_device
    from metaclr.results.store.rows import to_frame

    form = {"size": size, "channels": channels}  # None is each encoder's own
    check_arguments(**{name: value for name, value in form.items() if value is not None})
    check_arguments(
        targets=targets,
        protocol=protocol,
        out=out,
        device=device,
        data_root=data_root,
        overrides=overrides,
        quiet=quiet,
    )
    own, names = own_and_names(targets, "targets")
    by_name = named_encoders(encoders)
    if "pixels" in by_name:
        raise UserError("encoder 'pixels' has the name of the control in every table; give it another name")
    check_labels([*by_name, "pixels"])
    formats = {name: format_of(encoder, size, channels) for name, encoder in by_name.items()}
    by_name = {k: checked_encoder(e, k, channels=formats[k][1], size=formats[k][0]) for k, e in by_name.items()}
    recipe = _recipe(list(by_name), names, shared_format(formats), overrides, protocol)
    check_recipe(recipe)
    where = choose_device(device)

    def images_at(at: Format) -> dict[str, ImageSet]:
        sized = recipe.model_copy(update={"size": at[0], "channels": at[1]})
        return load_images(recipe.targets, sized, Path(data_root) if data_root else None, own)

    first = next(iter(formats.values()))
    images = images_at(first)
    with TemporaryDirectory() as scratch, ExitStack() as stack:
        folder = Path(out) if out else Path(scratch)
        if out:
            check_writable(folder)
            stack.enter_context(owned(folder))
            _check_no_comparison(folder)
        prepared = {
            n: prepare(n, s, recipe.evaluate, folder / "episodes", fixed=recipe.fixed) for n, s in images.items()
        }
        rows = []
        for at in dict.fromkeys(formats.values()):
            sized = images if at == first else images_at(at)
            made = [target if at == first else target.at_size(sized[n]) for n, (target, _) in prepared.items()]
            group = {name: encoder for name, encoder in by_name.items() if formats[name] == at}
            rows += _evaluate_all(group, at, made, recipe, folder, where, with_pixels=at == first, quiet=quiet)
        if out:
            notes = encoder_notes(by_name, formats)
            _write(folder, recipe, prepared, rows, where, notes)
    return Comparison(folder, to_frame(rows), {})


def _check_no_comparison(folder: Path) -> None:
    """Refuse a folder whose rows are of trainings: they would be overwritten.

    Raises:
        UserError: names the folder.
    """
    if (folder / "rows.csv").is_file() and any(row.source != ELSEWHERE for row in read_rows(folder / "rows.csv")):
        raise UserError(f"--out {folder} holds the results of a comparison; name another --out")


def _recipe(
    methods: list[str], targets: list[str] | None, form: Format, overrides: Sequence[str], protocol: str | None
) -> CompareRecipe:
    tables: dict[str, Any] = {
        "name": "evaluation",
        "sources": [ELSEWHERE],
        "targets": targets or list(TARGETS),
        "methods": methods,
        "size": form[0],
        "channels": form[1],
        "encoder": {"name": "given"},
        "evaluate": {"few_shot": {"heads": ["cosine"]}},  # an encoder from elsewhere has no head of its own
    }
    if protocol is not None:
        given = ["sources", *(["targets"] if targets else [])]
        tables = with_protocol(tables, protocol, overrides, given=given)
        if tables["evaluate"].get("few_shot"):
            tables["evaluate"]["few_shot"] = {**tables["evaluate"]["few_shot"], "heads": ["cosine"]}
    return resolve(tables, overrides)


def _evaluate_all(
    encoders: Mapping[str, nn.Module],
    form: Format,
    targets: Sequence[Target],
    recipe: CompareRecipe,
    folder: Path,
    device: Any,
    *,
    with_pixels: bool,
    quiet: bool,
) -> list[Any]:
    """Rows of the encoders that take images of one format, and of the control."""
    from episodes import PRESETS
    from metaclr.comparison.runs.evaluate_run import RunInfo, evaluate_run
    from metaclr.comparison.settings.image_format import VIEWS
    from metaclr.console import progress
    from metaclr.networks import build_encoder

    control = {"pixels": build_encoder("pixels", form[1], form[0], seed=0)} if with_pixels else {}
    rows = []
    for name, encoder in {**encoders, **control}.items():
        run = re.sub(r"[^A-Za-z0-9.]+", "-", name).strip("-") + "-given-s0"
        architecture = str(getattr(encoder, "architecture", type(encoder).__name__))
        about = RunInfo(run=run, method=name, source=ELSEWHERE, encoder=architecture)
        place, views = folder / "runs" / run, PRESETS[VIEWS[form[1]]]
        pairing = _pairing(encoder)
        with progress(name, quiet=quiet) as bar:
            rows += evaluate_run(
                encoder, targets, recipe.evaluate, about, place, device, views=views, pairing=pairing, report=bar
            )
    return rows


def _pairing(encoder: nn.Module) -> Pairing | None:
    """What zero-shot classification and retrieval need of an encoder that comes with a text encoder (open_clip's)."""
    from torch import nn

    from metaclr.evaluation.pairing import Pairing
    from metaclr.networks.open_clip_network import PREFIX

    name = getattr(encoder, "paired_text", "")
    if not name:
        return None
    from metaclr.text.open_clip_text import OpenClipText, OpenClipTokens

    inner = name.removeprefix(PREFIX)
    return Pairing(nn.Identity(), OpenClipText(inner).eval(), OpenClipTokens(inner))


def _write(
    folder: Path,
    recipe: CompareRecipe,
    prepared: Mapping[str, Any],
    rows: list[Any],
    device: Any,
    notes: Sequence[str],
) -> None:
    import tomli_w

    from metaclr.comparison.runs.pictures import target_pictures
    from metaclr.environment import describe
    from metaclr.evaluation.class_similarity import similarities
    from metaclr.files import write_atomic
    from metaclr.results import write_all
    from metaclr.results.store.folder import About, collect, write_about
    from metaclr.results.store.inspections import Pictures, write_pictures

    # Views, budget and seeds belong to a training, and nothing was trained here.
    applies = recipe.model_dump(mode="json", exclude_none=True, include=APPLIES)
    write_atomic(folder / "recipe.toml", tomli_w.dumps(applies))
    targets = {name: target for name, (target, _) in prepared.items()}
    collect(folder, list(dict.fromkeys(row.run for row in rows)), similarities(targets.values()))
    about = About(
        classes={name: target.images.classes for name, (target, _) in prepared.items()},
        remarks=(*notes, *(line for _, lines in prepared.values() for line in lines)),
        environment=describe(device),
        command="metaclr.evaluate(...)",
    )
    write_about(folder, about)
    write_pictures(folder, Pictures(target_pictures(folder, targets)))
    write_all(folder)
