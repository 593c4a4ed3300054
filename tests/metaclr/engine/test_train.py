"""The loop: what it computes, what it leaves alone, and how it stops."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import replace
from pathlib import Path
from typing import Any

import pytest
import torch
from torch import Tensor, nn

from episodes import PRESETS, Episode, EpisodeError, EpisodeSampler, Rendering, TaskShape, random
from metaclr.engine import Learner, NonFiniteLoss, TrainSettings, train
from metaclr.engine.learner import embedding_std
from metaclr.engine.schedules import rate
from metaclr.engine.settings import Precision
from metaclr.engine.training_curve import NAME, read
from metaclr.errors import UserError

Pixels = Callable[[Episode], Tensor]
Build = Callable[..., Learner]
SHORT = TrainSettings(steps=12, log_every=5, device="cpu", precision="fp32")


def same_state(one: nn.Module, other: nn.Module) -> bool:
    theirs = other.state_dict()
    return all(torch.equal(value, theirs[name]) for name, value in one.state_dict().items())


@pytest.mark.parametrize(
    ("precision", "dtype", "bound"), [("fp32", torch.float32, 1e-6), ("fp64", torch.float64, 1e-12)]
)
def test_equals_a_loop_in_plain_torch(
    precision: Precision, dtype: torch.dtype, bound: float, learner: Build, sampler: EpisodeSampler, pixels: Pixels
) -> None:
    mine, plain = learner(momentum=0.9), learner(momentum=0.9).to(dtype)
    settings = replace(SHORT, clip=0.5, precision=precision)
    train(mine, sampler, pixels, settings)
    optimizer = torch.optim.Adam(plain.parameters(), lr=1e-3)
    plain.train()
    for step in range(settings.steps):
        for group in optimizer.param_groups:
            group["lr"] = rate(settings, step)
        episode = sampler(step)
        with torch.random.fork_rng(devices=[]):
            torch.manual_seed(random.key(0, "engine", step, 0))
            loss, _ = plain(pixels(episode).to(dtype), episode)
        optimizer.zero_grad()
        loss.backward()
        nn.utils.clip_grad_norm_(plain.parameters(), 0.5)
        optimizer.step()
        plain.after_step(step + 1, settings.steps)
    theirs = plain.state_dict()
    for name, value in mine.state_dict().items():
        torch.testing.assert_close(value, theirs[name], rtol=10 * bound, atol=bound, msg=name)


def test_learns_and_reports(learner: Build, sampler: EpisodeSampler, pixels: Pixels, tmp_path: Path) -> None:
    seen: list[tuple[int, int, float, float]] = []
    settings = replace(SHORT, steps=80, lr=0.01, log_every=15)
    trained = train(learner(dropout=0.0), sampler, pixels, settings, tmp_path, lambda *a: seen.append(a))
    assert [row["step"] for row in trained.curve] == [15, 30, 45, 60, 75, 80]
    assert trained.curve[-1]["loss"] < 0.7 * trained.curve[0]["loss"]
    assert trained.views == 80 * 2 * 8 * 2 == trained.curve[-1]["views"]
    geometry = {"embedding_std", "alignment", "uniformity", "rank_share"}
    assert set(trained.curve[0]) == {"step", "views", "loss", "lr", "accuracy", "views_per_second", *geometry}
    assert tuple(read(tmp_path / NAME)) == trained.curve
    assert seen[-1][:2] == (80, 80)
    assert len(seen) <= 3 + trained.seconds / 0.25


def test_same_seed_same_run_and_global_generator_untouched(
    learner: Build, sampler: EpisodeSampler, pixels: Pixels
) -> None:
    before = torch.get_rng_state()
    first = train(learner(), sampler, pixels, SHORT).learner
    assert torch.equal(torch.get_rng_state(), before)
    torch.manual_seed(99)  # what the caller's generator holds must not matter
    assert same_state(first, train(learner(), sampler, pixels, SHORT).learner)
    assert not same_state(first, train(learner(), sampler, pixels, replace(SHORT, seed=1)).learner)


@pytest.mark.parametrize("optimizer", ["adam", "adamw", "sgd", "lars"])
def test_split_anywhere_is_the_same_run(
    optimizer: Any, learner: Build, sampler: EpisodeSampler, pixels: Pixels, tmp_path: Path
) -> None:
    """Stopped by an exception at step 7, inside a window of the curve; the timing column alone may differ."""
    settings = replace(SHORT, optimizer=optimizer, weight_decay=0.01, checkpoint_seconds=1e-9)
    whole = train(learner(momentum=0.9), sampler, pixels, settings, tmp_path / "whole")

    def breaks(step: int) -> Episode:
        if step == 7:
            raise RuntimeError("power cut")
        return sampler(step)

    with pytest.raises(RuntimeError, match="power cut"):
        train(learner(momentum=0.9), breaks, pixels, settings, tmp_path / "halves")
    rest = train(learner(momentum=0.9), sampler, pixels, settings, tmp_path / "halves")
    assert rest.resumed_at == 7
    assert same_state(whole.learner, rest.learner)
    drop = "views_per_second"
    curves = [[{k: v for k, v in row.items() if k != drop} for row in t.curve] for t in (whole, rest)]
    assert curves[0] == curves[1]


def test_prefetching_changes_nothing(learner: Build, sampler: EpisodeSampler, pixels: Pixels) -> None:
    plain = train(learner(), sampler, pixels, SHORT).learner
    assert same_state(plain, train(learner(), sampler, pixels, replace(SHORT, prefetch="on")).learner)


def test_a_finished_folder_is_only_read(
    learner: Build, sampler: EpisodeSampler, pixels: Pixels, tmp_path: Path
) -> None:
    first = train(learner(), sampler, pixels, SHORT, tmp_path)
    stamps = {p.name: p.stat().st_mtime_ns for p in tmp_path.iterdir() if p.suffix == ".pt"}

    def never(_step: int) -> Episode:
        raise AssertionError("drew a batch")

    again = train(learner(), never, pixels, SHORT, tmp_path)
    assert again.resumed_at == again.step == 12
    assert same_state(first.learner, again.learner)
    assert again.curve == first.curve
    assert stamps == {p.name: p.stat().st_mtime_ns for p in tmp_path.iterdir() if p.suffix == ".pt"}


def test_another_run_in_the_folder_is_refused(
    learner: Build, sampler: EpisodeSampler, pixels: Pixels, tmp_path: Path
) -> None:
    train(learner(), sampler, pixels, SHORT, tmp_path, identity="a")
    with pytest.raises(UserError, match=r"lr = 0.001, now it is 0.5"):
        train(learner(), sampler, pixels, replace(SHORT, lr=0.5), tmp_path, identity="a")
    with pytest.raises(UserError, match="identity = 'a', now it is 'b'"):
        train(learner(), sampler, pixels, SHORT, tmp_path, identity="b")
    with pytest.raises(UserError, match="of another network"):
        train(learner(momentum=0.9), sampler, pixels, SHORT, tmp_path, identity="a")
    train(learner(), sampler, pixels, replace(SHORT, checkpoint_seconds=5.0), tmp_path, identity="a")


@pytest.mark.parametrize("value", [float("nan"), float("inf")])
def test_a_loss_that_is_no_number(
    value: float, learner: Build, sampler: EpisodeSampler, pixels: Pixels, tmp_path: Path
) -> None:
    settings = replace(SHORT, checkpoint_seconds=1e-9)

    def bad(episode: Episode) -> Tensor:
        return pixels(episode) * (value if episode.step == 8 else 1.0)

    with pytest.raises(NonFiniteLoss) as error:
        train(learner(), sampler, bad, settings, tmp_path)
    said = str(error.value)
    assert f"step 9 with learning rate {rate(settings, 8):.3g}" in said
    assert f"{tmp_path / 'checkpoint.pt'} (step 8)" in said
    kept = torch.load(tmp_path / "checkpoint.pt", weights_only=True)
    assert kept["step"] == 8
    assert all(torch.isfinite(v).all() for v in kept["learner"].values())
    with pytest.raises(NonFiniteLoss, match="there is no checkpoint yet"):
        train(learner(), sampler, bad, settings)


def test_a_broken_parameter_is_never_saved(
    learner: Build, sampler: EpisodeSampler, pixels: Pixels, tmp_path: Path
) -> None:
    """A finite loss whose update is not: the last step before a save must not replace the good checkpoint."""

    class Breaks(Learner):
        def after_step(self, step: int, steps: int) -> None:
            if step == 6:
                with torch.no_grad():
                    self.encoder[0].weight[0, 0, 0, 0] = float("nan")

    plain = learner()
    broken = Breaks(plain.encoder, plain.projector, plain.objective)
    with pytest.raises(NonFiniteLoss, match="a parameter is NaN or infinite at step 6"):
        train(broken, sampler, pixels, replace(SHORT, checkpoint_seconds=1e-9), tmp_path)
    assert torch.load(tmp_path / "checkpoint.pt", weights_only=True)["step"] == 5


class Own(nn.Module):
    """A method's own learner: no encoder by name, no hook."""

    def __init__(self) -> None:
        super().__init__()
        self.weight = nn.Parameter(torch.zeros(64))

    def forward(self, pixels: Tensor, episode: Episode) -> tuple[Tensor, dict[str, Tensor]]:
        return (pixels.flatten(3) @ self.weight - 1).square().mean(), {}


def test_a_learner_of_its_own(sampler: EpisodeSampler, pixels: Pixels) -> None:
    trained = train(Own(), sampler, pixels, replace(SHORT, lr=0.05))
    assert trained.curve[-1]["loss"] < trained.curve[0]["loss"]


def test_no_steps_at_all(learner: Build, sampler: EpisodeSampler, pixels: Pixels, tmp_path: Path) -> None:
    trained = train(learner(), sampler, pixels, replace(SHORT, steps=0), tmp_path)
    assert same_state(trained.learner, learner())
    assert trained.curve == ()


def test_bf16_networks_but_float32_objective(learner: Build, sampler: EpisodeSampler, pixels: Pixels) -> None:
    model = learner(momentum=0.9)
    seen: dict[str, torch.dtype] = {}
    model.projector.register_forward_hook(lambda _m, _i, out: seen.update(projector=out.dtype))
    model.objective.register_forward_hook(
        lambda _m, args, out: seen.update(
            objective=args[0].dtype, target=args[1].momentum_embeddings.dtype, loss=out.dtype
        )
    )
    train(model, sampler, pixels, replace(SHORT, steps=1, precision="bf16"))
    assert seen == {
        "projector": torch.bfloat16,
        "objective": torch.float32,
        "target": torch.float32,
        "loss": torch.float32,
    }


def test_fp64_goes_on_as_it_was(learner: Build, sampler: EpisodeSampler, pixels: Pixels, tmp_path: Path) -> None:
    settings = replace(SHORT, precision="fp64", checkpoint_seconds=1e-9)
    whole = train(learner(momentum=0.9), sampler, pixels, settings)

    def stops(episode: Episode) -> Tensor:
        if episode.step == 7:
            raise RuntimeError("cut off")
        return pixels(episode)

    with pytest.raises(RuntimeError, match="cut off"):
        train(learner(momentum=0.9), sampler, stops, settings, tmp_path)
    rest = train(learner(momentum=0.9), sampler, pixels, settings, tmp_path)
    assert rest.resumed_at == 7
    assert same_state(whole.learner, rest.learner)
    assert [row["loss"] for row in whole.curve] == [row["loss"] for row in rest.curve]
    with pytest.raises(UserError, match="precision = 'fp64', now it is 'fp32'"):
        train(learner(momentum=0.9), sampler, pixels, SHORT, tmp_path)


def test_compile_failure_is_one_line_and_eager(
    learner: Build,
    sampler: EpisodeSampler,
    pixels: Pixels,
    monkeypatch: pytest.MonkeyPatch,
    capsys: pytest.CaptureFixture[str],
) -> None:
    def broken(*_args: Any, **_kwargs: Any) -> Any:
        def call(*_args: Any) -> Any:
            raise RuntimeError("no such compiler\nmany\nlines")

        return call

    monkeypatch.setattr(torch, "compile", broken)
    compiled = train(learner(), sampler, pixels, replace(SHORT, compile="on")).learner
    said = capsys.readouterr().err
    assert said.count("\n") == 1
    assert "no such compiler" in said
    assert same_state(compiled, train(learner(), sampler, pixels, SHORT).learner)


def test_views_that_cannot_be_compiled_are_one_line_and_eager(
    learner: Build, sampler: EpisodeSampler, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    def broken(*_args: Any, **_kwargs: Any) -> Any:
        raise RuntimeError("no such kernel")

    monkeypatch.setattr("episodes.views.augment_compiled", broken)
    monkeypatch.setattr(nn.Module, "compile", lambda *_args, **_options: None)
    views = Rendering(sampler.image_set, PRESETS["gentle"], seed=0)
    eager = train(learner(), sampler, views, SHORT).learner
    compiled = train(learner(), sampler, views, replace(SHORT, compile="on")).learner
    assert capsys.readouterr().err == (
        "torch.compile of the views failed (RuntimeError: no such kernel); running without\n"
    )
    assert same_state(compiled, eager)
    three = EpisodeSampler(sampler.image_set, TaskShape(way=8, shot=1, query=2), seed=3)
    wrong = Rendering(sampler.image_set, [PRESETS["gentle"]] * 2, seed=0)
    with pytest.raises(EpisodeError, match="2 view recipes for V = 3"):  # nobody's fault but the caller's
        train(learner(), three, wrong, replace(SHORT, compile="on"))
    assert not capsys.readouterr().err


def test_views_are_compiled_for_the_length_of_a_training(
    learner: Build, sampler: EpisodeSampler, monkeypatch: pytest.MonkeyPatch
) -> None:
    seen: list[bool] = []

    class Seen(Rendering):
        def __call__(self, episode: Episode) -> Tensor:
            seen.append(self.compiled)
            self.compiled, kept = False, self.compiled
            pixels = super().__call__(episode)
            self.compiled = kept
            return pixels

    monkeypatch.setattr(nn.Module, "compile", lambda *_args, **_options: None)
    views = Seen(sampler.image_set, PRESETS["gentle"], seed=0)
    train(learner(), sampler, views, replace(SHORT, compile="on"))
    assert seen == [True] * (1 + SHORT.steps)
    assert not views.compiled
    train(learner(), sampler, views, SHORT)
    assert seen[1 + SHORT.steps :] == [False] * SHORT.steps


def test_no_compiler_is_one_line(
    learner: Build,
    sampler: EpisodeSampler,
    pixels: Pixels,
    monkeypatch: pytest.MonkeyPatch,
    capsys: pytest.CaptureFixture[str],
) -> None:
    monkeypatch.setenv("PATH", "")
    train(learner(), sampler, pixels, replace(SHORT, compile="on", steps=1))
    assert "has no C++ compiler" in capsys.readouterr().err


def test_embedding_std_knows_collapse() -> None:
    generator = torch.Generator().manual_seed(0)
    spread = torch.randn(4000, 32, generator=generator)
    assert float(embedding_std(spread)) == pytest.approx(1.0, abs=0.02)
    assert float(embedding_std(torch.ones(50, 32))) == pytest.approx(0.0, abs=1e-4)
