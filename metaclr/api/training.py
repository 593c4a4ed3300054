"""`metaclr.train(...)`: one method on one source; the trained encoder, to use or to judge elsewhere."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import TYPE_CHECKING, Any

from metaclr.api.comparing import recipe_lines
from metaclr.recipe import CONTROLS, find, read, resolve

if TYPE_CHECKING:
    from torch import nn

    from episodes import ImageSet
    from metaclr.methods import Method
    from metaclr.networks.saved_encoder import EncoderDescription
    from metaclr.recipe import CompareRecipe


def train(
    method: str | Method,
    source: str | ImageSet = "glyphs:source",
    *,
    recipe: str | Path = "glyphs",
    settings: Mapping[str, Any] | None = None,
    steps: int | None = None,
    seed: int = 0,
    out: str | Path | None = None,
    device: str = "auto",
    data_root: str | Path | None = None,
    overrides: Sequence[str] = (),
    quiet: bool = False,
) -> nn.Module:
    """Train one method and return its encoder, (B, C, H, W) in [0, 1] to (B, F), in eval mode.

    Args:
        method: a name, or your own `Method`.
        source: a name `NAME[:PART]`, or your own `ImageSet`.
        recipe: where encoder, views and budget come from; `steps` and `overrides` change it.
        device: with several ranks (torchrun), each takes the GPU of its number.
        out: a folder for checkpoint and curve; a training that is there goes on, a finished one is loaded. The weights
            of the encoder are written to `encoder.safetensors` in it.

    Raises:
        UserError, EpisodeError: bad input, in one line. NonFiniteLoss: with step and learning rate.
    """
    from metaclr.api.checks import check_arguments
    from metaclr.comparison.method_files import find_method
    from metaclr.comparison.plan import check_run
    from metaclr.comparison.run import Run
    from metaclr.comparison.training import train_run
    from metaclr.console import progress
    from metaclr.data import adapt, load
    from metaclr.device import choose_device
    from metaclr.engine.distributed import rank_device, ranks, same_start
    from metaclr.engine.process_group import broadcast_from_first, process_group, raise_together, run_first_rank_first
    from metaclr.errors import UserError
    from metaclr.networks.saved_encoder import save_encoder

    check_arguments(
        method=method, source=source, recipe=recipe, settings=settings, steps=steps, seed=seed, out=out, device=device,
        data_root=data_root, overrides=overrides, quiet=quiet,
    )  # fmt: skip

    def planned() -> tuple[Run, CompareRecipe, ImageSet]:
        found = find_method(method)
        name = found.name or "mine"
        tables = read(find(str(recipe)))
        tables["methods"] = [{"name": name, "settings": dict(settings or {})}]
        resolved = resolve(tables, recipe_lines(steps, overrides))
        if name in CONTROLS or not found.trained:
            raise UserError(f"method {name!r} is a control: there is nothing to train")
        if isinstance(source, str):
            root = Path(data_root) if data_root else None
            images = load(source, root, size=resolved.size, channels=resolved.channels)
        else:
            images = adapt(source, size=resolved.size, channels=resolved.channels)
        run = Run(resolved.methods[0], found, images.name, seed)
        check_run(run, resolved, images)
        if folder and ranks().first:
            folder.mkdir(parents=True, exist_ok=True)
        return run, resolved, images

    folder = Path(out) if out else None
    with process_group():
        at = raise_together(lambda: rank_device(choose_device(device)))
        run, resolved, images = run_first_rank_first(planned)
        identity = run.digest(resolved, {"source": images.fingerprint()})
        with progress(f"{run.entry.title} on {images.name}", quiet=quiet) as bar:
            learner, _ = train_run(
                run,
                resolved,
                images,
                folder,
                at,
                identity,
                lambda step, total, loss, rate: bar(step, total, f"loss {loss:.3f}  {rate:,.0f} views/s"),
            )
        encoder = learner.get_submodule("encoder").eval()
        same_start(encoder)  # ranks that keep batch statistics of their own have as many encoders
        if folder:
            broadcast_from_first(lambda: save_encoder(encoder, _description(resolved), folder))
    return encoder


def _description(recipe: CompareRecipe) -> EncoderDescription:
    from metaclr.networks.saved_encoder import EncoderDescription

    encoder = recipe.encoder
    return EncoderDescription(name=encoder.name, options=encoder.options, channels=recipe.channels, size=recipe.size)
