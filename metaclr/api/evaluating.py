"""`metaclr.evaluate(encoder, ...)`: any network gets the same episodes, statistics and tables."""

from __future__ import annotations

import re
from collections.abc import Mapping, Sequence
from contextlib import ExitStack
from pathlib import Path
from tempfile import TemporaryDirectory
from typing import TYPE_CHECKING, Any

from metaclr.errors import UserError
from metaclr.recipe import CompareRecipe, resolve
from metaclr.results.store.rows import read_rows

if TYPE_CHECKING:
    from torch import nn

    from episodes import ImageSet
    from metaclr.api.comparing import Comparison


ELSEWHERE = "elsewhere"
"""Source of encoders that were not trained here."""

APPLIES = {"name", "targets", "methods", "size", "channels", "evaluate"}
"""Recipe keys that describe an evaluation without a training; the report shows no others."""


def evaluate(
    encoders: nn.Module | Mapping[str, nn.Module],
    targets: Sequence[str] | Mapping[str, ImageSet] = ("glyphs:held-out", "digits"),
    *,
    size: int = 28,
    channels: int = 1,
    out: str | Path | None = None,
    device: str = "auto",
    data_root: str | Path | None = None,
    overrides: Sequence[str] = (),
) -> Comparison:
    """Evaluate encoders that were trained anywhere on stored episodes, probes and label subsets.

    Args:
        encoders: a module, or several by name, from float (B, channels, size, size) in [0, 1] to (B, F). Batch
            norm is in eval mode; put a normalization that the network expects into the module. The control `pixels`
            is added, so no encoder may have its name.
        size: pixels of either side of the images. channels: 1 or 3.
        targets: names `NAME[:PART]`, or your own `ImageSet`s by name.
        out: a folder for rows, tables, figures and report; None keeps the rows only.
        device: "auto", "cpu", "cuda" or "cuda:N".
        data_root: folder of data sets; None is the environment variable METACLR_DATA.
        overrides: settings of the evaluators, such as `"evaluate.few_shot.query=5"`.

    Returns:
        The rows as a frame (`.rows`), and the folder.

    Raises:
        UserError, EpisodeError: bad input, or a folder that another process uses, in one line.
    """
    from metaclr.api.checks import check_arguments
    from metaclr.api.comparing import Comparison, own_and_names
    from metaclr.api.encoder_checks import checked_encoder, named_encoders
    from metaclr.comparison.folder import check_writable
    from metaclr.comparison.load import load_images
    from metaclr.comparison.naming import check_labels
    from metaclr.comparison.owner import owned
    from metaclr.comparison.targets import prepare
    from metaclr.device import choose_device
    from metaclr.results.store.rows import to_frame

    check_arguments(
        targets=targets, size=size, channels=channels, out=out, device=device, data_root=data_root, overrides=overrides
    )
    own, names = own_and_names(targets, "targets")
    by_name = named_encoders(encoders)
    if "pixels" in by_name:
        raise UserError("encoder 'pixels' has the name of the control in every table; give it another name")
    check_labels([*by_name, "pixels"])
    by_name = {k: checked_encoder(encoder, k, channels=channels, size=size) for k, encoder in by_name.items()}
    recipe = _recipe(list(by_name), names or [], size, channels, overrides)
    where = choose_device(device)
    images = load_images(recipe.targets, recipe, Path(data_root) if data_root else None, own)
    with TemporaryDirectory() as scratch, ExitStack() as stack:
        folder = Path(out) if out else Path(scratch)
        if out:
            check_writable(folder)
            stack.enter_context(owned(folder))
            _check_no_comparison(folder)
        prepared = {
            n: prepare(n, s, recipe.evaluate, folder / "episodes", fixed=recipe.fixed) for n, s in images.items()
        }
        rows = _evaluate_all(by_name, recipe, prepared, folder, where)
        if out:
            _write(folder, recipe, prepared, rows, where)
    return Comparison(folder, to_frame(rows), {})


def _check_no_comparison(folder: Path) -> None:
    """Refuse a folder whose rows are of trainings: they would be overwritten.

    Raises:
        UserError: names the folder.
    """
    if (folder / "rows.csv").is_file() and any(row.source != ELSEWHERE for row in read_rows(folder / "rows.csv")):
        raise UserError(f"--out {folder} holds the results of a comparison; name another --out")


def _recipe(
    methods: list[str], targets: list[str], size: int, channels: int, overrides: Sequence[str]
) -> CompareRecipe:
    tables = {
        "name": "evaluation",
        "sources": [ELSEWHERE],
        "targets": targets,
        "methods": methods,
        "size": size,
        "channels": channels,
        "encoder": {"name": "given"},
        "evaluate": {"few_shot": {"heads": ["cosine"]}},  # an encoder from elsewhere has no head of its own
    }
    return resolve(tables, overrides)


def _evaluate_all(
    encoders: Mapping[str, nn.Module], recipe: CompareRecipe, prepared: Mapping[str, Any], folder: Path, device: Any
) -> list[Any]:
    from episodes import PRESETS
    from metaclr.comparison.evaluate_run import RunInfo, evaluate_run
    from metaclr.comparison.image_format import VIEWS
    from metaclr.networks import build_encoder

    pixels = build_encoder("pixels", recipe.channels, recipe.size, seed=0)
    rows = []
    for name, encoder in {**encoders, "pixels": pixels}.items():
        run = re.sub(r"[^A-Za-z0-9.]+", "-", name).strip("-") + "-given-s0"
        about = RunInfo(run=run, method=name, source=ELSEWHERE, encoder=type(encoder).__name__)
        targets = [target for target, _ in prepared.values()]
        place, views = folder / "runs" / run, PRESETS[VIEWS[recipe.channels or 1]]
        rows += evaluate_run(encoder, targets, recipe.evaluate, about, place, device, views=views)
    return rows


def _write(folder: Path, recipe: CompareRecipe, prepared: Mapping[str, Any], rows: list[Any], device: Any) -> None:
    import tomli_w

    from metaclr.environment import describe
    from metaclr.files import write_atomic
    from metaclr.results import write_all
    from metaclr.results.store.folder import About, collect, write_about

    # Views, budget and seeds belong to a training, and nothing was trained here.
    applies = recipe.model_dump(mode="json", exclude_none=True, include=APPLIES)
    write_atomic(folder / "recipe.toml", tomli_w.dumps(applies))
    collect(folder, list(dict.fromkeys(row.run for row in rows)))
    about = About(
        classes={name: target.images.classes for name, (target, _) in prepared.items()},
        remarks=tuple(line for _, lines in prepared.values() for line in lines),
        environment=describe(device),
        command="metaclr.evaluate(...)",
    )
    write_about(folder, about)
    write_all(folder)
