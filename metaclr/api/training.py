"""`metaclr.train(...)`: one method on one source; returns the trained encoder, to use or to evaluate elsewhere."""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from contextlib import ExitStack, contextmanager
from pathlib import Path
from typing import TYPE_CHECKING, Any

from metaclr.api.options import Options
from metaclr.api.single_run import single_run

if TYPE_CHECKING:
    from torch import nn

    from episodes import ImageSet
    from metaclr.comparison.runs.run import Run
    from metaclr.methods import Method
    from metaclr.recipe import CompareRecipe


def train(
    method: str | Method,
    source: str | ImageSet = "glyphs:source",
    *,
    recipe: str | Path = "glyphs",
    settings: Mapping[str, Any] | None = None,
    steps: int | None = None,
    start: str | Path | None = None,
    seed: int = 0,
    out: str | Path | None = None,
    log: Sequence[str] = (),
    device: str = "auto",
    data_root: str | Path | None = None,
    overrides: Sequence[str] = (),
    quiet: bool = False,
) -> nn.Module:
    """Train one method and return its encoder, (B, C, H, W) in [0, 1] to (B, F), in eval mode.

    Args:
        method: a name, or your own `Method`.
        source: a name `NAME[:PART]`, or your own `ImageSet`.
        recipe: gives encoder, views and budget; `steps` and `overrides` change it.
        start: train from these weights: the folder of a run, whose network and size of images are taken too, or a file
            of weights for the recipe's encoder. Projector, optimizer and schedule begin anew.
        settings: the method's own settings, such as `{"temperature": 0.1}`.
        device: with several ranks (torchrun), each takes the GPU of its number.
        out: a folder for checkpoint and curve; an interrupted training in it resumes, a finished one is loaded. The
            weights of the encoder are written to `encoder.safetensors` in it.
        log: send the curve to "tensorboard", "wandb" or "mlflow" too, which needs `out`.

    Raises:
        UserError, EpisodeError: bad input, or a folder that another process uses, in one line.
        NonFiniteLoss: a loss or parameter that is NaN or infinite, with step and learning rate.
    """
    from metaclr.api.checks import check_arguments
    from metaclr.comparison.labels.positives_setting import source_fingerprint
    from metaclr.comparison.runs.training import encoder_description, train_run
    from metaclr.console import notify, progress
    from metaclr.device import choose_device
    from metaclr.engine.distributed import rank_device, ranks, same_start
    from metaclr.engine.process_group import broadcast_from_first, process_group, raise_together, run_first_rank_first
    from metaclr.networks.saved_encoder import save_encoder

    check_arguments(
        method=method, source=source, recipe=recipe, settings=settings, steps=steps, start=start, seed=seed, out=out,
        device=device,
        data_root=data_root, overrides=overrides, log=log, quiet=quiet,
    )  # fmt: skip

    def planned() -> tuple[Run, CompareRecipe, ImageSet]:
        run, resolved, images, lines = single_run(
            method,
            source,
            recipe=recipe,
            settings=settings,
            seed=seed,
            options=Options(steps=steps, start=start, log=log, overrides=overrides, data_root=data_root),
            device_type=at.type,
        )
        for line in () if quiet else lines:
            notify(f"note: {line}")
        if folder and ranks().first:
            stack.enter_context(_started(folder, run, resolved, source_fingerprint(run.method, images), quiet))
        return run, resolved, images

    folder = Path(out) if out else None
    with process_group(), ExitStack() as stack:
        at = raise_together(lambda: rank_device(choose_device(device)))
        run, resolved, images = run_first_rank_first(planned)
        identity = run.identity(resolved, source_fingerprint(run.method, images))
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
        same_start(encoder)  # ranks with batch statistics of their own have different encoders
        if folder:
            description = encoder_description(run, resolved, images.channels)
            broadcast_from_first(lambda: save_encoder(encoder, description, folder))
    return encoder


@contextmanager
def _started(folder: Path, run: Run, recipe: CompareRecipe, fingerprint: str, quiet: bool) -> Iterator[None]:
    """Own the folder of a training, and write what it is started with; more steps are noted.

    Raises:
        UserError: another process uses the folder, or it is of another training; names the first setting that differs.
    """
    from metaclr.comparison.folders.folder import check_writable
    from metaclr.comparison.folders.owner import owned
    from metaclr.comparison.folders.run_folder import check_folder, read_inputs, resumed_note, write_inputs
    from metaclr.console import notify

    check_writable(folder)
    with owned(folder):
        inputs = run.training_with_steps(recipe, fingerprint)
        check_folder(folder, inputs)
        write_inputs(folder, inputs)
        note = resumed_note(read_inputs(folder).get("earlier_steps", []), recipe.train)
        if note and not quiet:
            notify(f"note: {note}")
        yield
