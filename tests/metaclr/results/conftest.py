"""A synthetic comparison folder that looks like a real one, down to an ill-named method."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from pathlib import Path

import numpy as np
import pytest

from metaclr.results.store.episode_classes import EpisodeClasses, write_episode_classes
from metaclr.results.store.folder import About, collect, write_about
from metaclr.results.store.per_item import write_items
from metaclr.results.store.rows import Row, write_rows

LEVEL = {
    **{"simclr": 55, "infonce": 70, "protoclr": 73, "r2d2": 72.6, "a_b%$": 60, "protonet": 71, "supcon": 66},
    **{"byol": 49, "untrained": 38, "pixels": 42},
}
CLASSES = 60
"""Classes of the pool that the episodes of a target are drawn from."""

POOL = f"query=15; pool_classes={CLASSES}; pool_images={20 * CLASSES}"

TRAINED = tuple(m for m in LEVEL if m not in ("untrained", "pixels"))

RECIPE = """\
name = "glyphs"
sources = [{sources}]
targets = [{targets}]
size = 28
channels = 1
views = "gentle"
views_mode = "shared"
seeds = [{seeds}]
{methods}
[encoder]
name = "conv4"
options = {{ width = 64 }}

[train]
steps = 400
batch_views = 256
optimizer = "adam"
lr = 0.001
schedule = "cosine"

[evaluate]
transductive_bn = false

[evaluate.few_shot]
query = 15
heads = ["cosine"]

[evaluate.low_label]
subsets = 1
"""

SETTINGS = [
    *(("few-shot", way, shot, f"{shot} per way") for way in (5, 20) for shot in (1, 5)),
    ("linear", None, None, "all"),
    ("knn", None, None, "all"),
    *(
        (f"low-label {mode}", None, None, labels)
        for mode in ("frozen", "finetune")
        for labels in ("1 % (52)", "10 % (520)", "5 per class (1300)")
    ),
]


def measure(
    level: float, setting: tuple[str, int | None, int | None, str], noise: np.ndarray, rng: np.random.Generator
) -> np.ndarray:
    """Items in 0..1 around a level in percent; `noise` is shared by all methods, as episodes are."""
    evaluator, way, shot, labels = setting
    ease = {(5, 1): 14, (5, 5): 21, (20, 1): 0, (20, 5): 10}.get((way or 0, shot or 0), 4)
    if evaluator.startswith("low-label"):
        ease = {"1": -25, "10": -6, "5": 2}[labels.split()[0]] + (3 if "fine" in evaluator else 0)
    goal = min(level + ease, 98) / 100
    if evaluator == "few-shot":
        return np.clip(goal + 0.09 * noise + 0.05 * rng.normal(size=noise.size), 0, 1).astype(np.float32)
    return (0.8 * noise + 0.6 * rng.normal(size=noise.size) < np.quantile(noise, goal)).astype(np.float32)


def build(
    folder: Path,
    *,
    methods: Sequence[str] = tuple(LEVEL),
    sources: Sequence[str] = ("glyphs:source",),
    targets: Sequence[str] = ("glyphs:held-out", "digits"),
    seeds: Sequence[int] = (0,),
    settings: Sequence[tuple[str, int | None, int | None, str]] = tuple(SETTINGS),
    about: About | None = None,
    missing: Sequence[str] = (),
) -> Path:
    """Write runs/*, recipe.toml and about.json, then collect. Methods in `missing` leave no run."""
    folder.mkdir(parents=True, exist_ok=True)
    quoted = [", ".join(f'"{x}"' for x in names) for names in (sources, targets)]
    entries = "".join(f'[[methods]]\nname = "{m}"\n' for m in methods)
    (folder / "recipe.toml").write_text(
        RECIPE.format(sources=quoted[0], targets=quoted[1], seeds=", ".join(map(str, seeds)), methods=entries)
    )
    runs = []
    for source in sources:
        for seed in seeds:
            for method in (m for m in methods if m not in missing):
                runs.append(f"{method.replace('_', '-').strip('%$')}-{source.replace(':', '-')}-s{seed}")
                _run(folder / "runs" / runs[-1], method, source, targets, seed, settings)
    write_about(folder, about or About())
    collect(folder, runs)
    return folder


def _run(folder: Path, method: str, source: str, targets: Sequence[str], seed: int, settings: Sequence) -> None:  # type: ignore[type-arg]
    rng = np.random.default_rng([seed, *method.encode(), *source.encode()])
    trained = method in TRAINED
    level = LEVEL[method] + (0 if method == "pixels" else rng.normal(scale=0.7)) + (3 if source == targets[0] else 0)
    rows, items = [], {}
    classes: dict[str, np.ndarray] = {}
    for target in targets:
        for k, (evaluator, way, shot, labels) in enumerate(settings):
            shared = np.random.default_rng([k, *target.encode()]).normal(size=2000 if way else 1200)
            array = measure(level - 9 * (target == "digits"), (evaluator, way, shot, labels), shared, rng)
            if way:
                draw = np.random.default_rng([k, 7, *target.encode()])
                classes[f"d{k}{target}"] = draw.random((2000, CLASSES)).argsort(1)[:, :way]
            row = Row(
                run=folder.name, method=method, source=source, target=target, encoder="conv4", seed=seed,
                steps=400 if trained else 0, evaluator=evaluator, way=way, shot=shot, label_subset=labels,
                metric="accuracy", value=100 * float(array.mean(dtype=np.float64)),
                ci95=196 * float(array.std()) / len(array) ** 0.5 * (3 if way else 1),
                ci95_episodes=196 * float(array.std()) / len(array) ** 0.5 if way else None, n_items=len(array),
                protocol=f"digest=d{k}{target}; head=cosine; {POOL}",
                environment="cpu, torch 2.15.0, Python 3.11", train_seconds=70.0 + 9 * rng.random() if trained else 0.0,
                train_views=102_400 if trained else 0,
            )  # fmt: skip
            rows.append(row)
            items[row.id] = array
    folder.mkdir(parents=True)
    write_rows(folder / "rows.csv", rows)
    write_items(folder / "per_item.npz", items)
    write_episode_classes(folder, EpisodeClasses(classes))
    if trained:
        steps = np.arange(20, 401, 20)
        loss = (3 + 0.3 * rng.random()) * (0.25 + 0.75 * np.exp(-steps / (60 + 90 * rng.random())))
        lines = ["step,views,loss,lr,accuracy"]
        lines += [
            f"{s},{s * 256},{v + 0.05 * rng.normal()},0.001,{min(0.99, 1 - v / 4)}"
            for s, v in zip(steps, loss, strict=True)
        ]
        (folder / "curve.csv").write_text("\n".join(lines) + "\n41")


@pytest.fixture
def comparison(tmp_path: Path) -> Callable[..., Path]:
    """`comparison(methods=..., seeds=...)` writes a comparison folder and returns it."""
    return lambda **options: build(tmp_path / "comparison", **options)
