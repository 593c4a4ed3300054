"""A whole walk: files, exact ends, effects on the stored episodes, loss at chance, finished runs kept."""

import csv
import json
from collections.abc import Callable
from dataclasses import replace
from itertools import pairwise
from math import log
from pathlib import Path

import numpy as np
import pandas as pd
import pytest
import torch
from torch import nn

import metaclr
from episodes import ImageSet
from metaclr.api.walking import plan_bridge
from metaclr.bridge import Objective, Pairs, Queue, dot, raw, split
from metaclr.comparison.runs.run import Run
from metaclr.diagnose import alignment, uniformity
from metaclr.errors import UserError
from metaclr.evaluation.statistics import holm, paired_difference
from metaclr.methods import Method, get
from metaclr.methods.differences import settings
from metaclr.recipe import MethodEntry, resolve
from metaclr.results import write_all
from metaclr.results.scores.summary import summarise
from metaclr.results.store.episode_classes import read_episode_classes
from metaclr.results.store.folder import load
from metaclr.results.store.per_item import read_items
from metaclr.results.tables.walk import walk_headlines, walk_tables
from metaclr.walk.chance_loss import loss_at_chance
from metaclr.walk.geometry import Probe, measure
from tests.metaclr.comparison import small
from tests.metaclr.evaluation import slow_intervals

SMALL = [line for line in small.SETTINGS if "low_label" not in line]


def source() -> ImageSet:
    return small.stripes(20, 12, name="ours")


def walk(out: Path, a: str | Method, b: str | Method, *overrides: str, **arguments: object) -> metaclr.Comparison:
    return metaclr.bridge_walk(
        a,
        b,
        source={"source": source()},
        targets={"target": small.stripes(6, 16, name="theirs")},
        out=out,
        device="cpu",
        overrides=[*SMALL, *overrides],
        quiet=True,
        **arguments,  # type: ignore[arg-type]
    )


@pytest.fixture(scope="module")
def walked(tmp_path_factory: pytest.TempPathFactory) -> metaclr.Comparison:
    return walk(tmp_path_factory.mktemp("walk") / "out", "simclr", "protoclr", both_orders=True)


def table(folder: Path, name: str = "bridge") -> list[dict[str, str]]:
    return list(csv.DictReader((folder / "tables" / f"{name}.csv").open()))


def test_every_file_is_written(walked: metaclr.Comparison) -> None:
    assert not walked.failures
    for name in ("bridge", "bridge_orders"):
        for ending in ("csv", "md", "tex", "html"):
            assert (walked.folder / "tables" / f"{name}.{ending}").stat().st_size > 0
    for name in ("bridge", "bridge-reverse", "bridge-orders"):
        assert (walked.folder / "figures" / f"{name}.png").read_bytes().startswith(b"\x89PNG")
        assert (walked.folder / "figures" / f"{name}.pdf").read_bytes().startswith(b"%PDF")
    page = walked.report.read_text()
    assert "From simclr to protoclr, one axis at a time" in page
    assert 'id="figure-bridge"' in page
    assert "metaclr bridge simclr protoclr" in page
    assert set(walked.rows.evaluator) == {"few-shot"}
    assert set(walked.rows.seed) == {0, 1}
    assert {"untrained", "pixels"} <= set(walked.rows.method)


def test_the_walk_ends_at_exactly_the_two_named_methods() -> None:
    prepared, recipe, _ = plan_bridge(
        "simclr", "protonet", source={"source": source()}, targets=["digits"], overrides=SMALL
    )
    assert settings(prepared.methods["simclr"]) == settings(get("simclr"))
    assert settings(prepared.methods["protonet"]) == settings(get("protonet"))
    assert prepared.methods["simclr"] == get("simclr")
    assert prepared.methods["protonet"] == get("protonet")
    assert [entry.name for entry in recipe.methods][::8] == ["simclr", "protonet"]
    assert len(prepared.methods) == 9


def test_effects_are_paired_differences_on_the_stored_episodes(walked: metaclr.Comparison) -> None:
    items = read_items(walked.folder / "per_item")
    classes = read_episode_classes(walked.folder).classes
    rows = {(row.method, row.seed): row for row in load(walked.folder).rows}

    def mean_of_seeds(method: str) -> np.ndarray:
        return np.mean([items[rows[method, seed].id].astype(np.float64) for seed in (0, 1)], axis=0)

    for order in ("forward", "reverse"):
        lines = [line for line in table(walked.folder) if line["order"] == order]
        assert [line["method"] for line in (lines[0], lines[-1])] == ["simclr", "protoclr"]
        p = []
        for before, after in pairwise(lines):
            y = mean_of_seeds(after["method"]) - mean_of_seeds(before["method"])
            half, one_p = slow_intervals.over_classes(y, classes[rows[after["method"], 0].protocol_pairs["digest"]])
            assert float(after["difference"]) == pytest.approx(y.mean(), abs=1e-3)
            assert float(after["difference_ci95"]) == pytest.approx(half, abs=1e-3)
            over_episodes = paired_difference(torch.from_numpy(y), torch.zeros(len(y)))
            assert float(after["difference_ci95_episodes"]) == pytest.approx(over_episodes.half, abs=1e-3)
            own = [rows[after["method"], s].value - rows[before["method"], s].value for s in (0, 1)]
            assert float(after["difference_sd"]) == pytest.approx(np.std(own, ddof=1), abs=1e-3)
            p.append(one_p)
        assert [float(line["p_holm"]) for line in lines[1:]] == pytest.approx(holm(p), rel=1e-2, abs=1e-12)


def test_interactions_are_the_difference_of_the_two_effects(walked: metaclr.Comparison) -> None:
    found = table(walked.folder, "bridge_orders")
    by_axis = {
        order: {
            line["axis"]: float(line["difference"])
            for line in table(walked.folder)
            if line["order"] == order and line["axis"]
        }
        for order in ("forward", "reverse")
    }
    assert {line["axis"] for line in found} == by_axis["forward"].keys() == by_axis["reverse"].keys()
    for line in found:
        axis = line["axis"]
        assert float(line["difference"]) == pytest.approx(by_axis["forward"][axis] - by_axis["reverse"][axis], abs=2e-3)
    assert sum(by_axis["forward"].values()) == pytest.approx(sum(by_axis["reverse"].values()), abs=1e-2)


def test_a_finished_walk_trains_nothing_again_and_the_other_order_adds_its_steps(
    walked: metaclr.Comparison, tmp_path: Path
) -> None:
    def marks(folder: Path) -> dict[str, int]:
        return {
            p.parent.name: p.stat().st_mtime_ns for name in ("done", "geometry") for p in folder.rglob(f"{name}.json")
        }

    before = marks(walked.folder)
    again = walk(walked.folder, "simclr", "protoclr", both_orders=True)
    assert marks(walked.folder) == before
    pd.testing.assert_frame_equal(again.rows, walked.rows)
    one = walk(tmp_path / "out", "simclr", "infonce")
    kept = marks(one.folder)
    both = walk(tmp_path / "out", "simclr", "infonce", both_orders=True)
    assert kept.items() <= marks(both.folder).items()


def test_the_report_can_be_written_anew(walked: metaclr.Comparison) -> None:
    before = (walked.folder / "tables" / "bridge.md").read_text()
    write_all(walked.folder)
    assert (walked.folder / "tables" / "bridge.md").read_text() == before


def test_a_folder_of_something_else_is_refused(walked: metaclr.Comparison, tmp_path: Path) -> None:
    with pytest.raises(UserError, match="another walk"):
        walk(walked.folder, "simclr", "protoclr", order=("projector", "query"))
    (tmp_path / "rows.csv").write_text("run\n")
    with pytest.raises(UserError, match="not a walk"):
        walk(tmp_path, "simclr", "protoclr")
    (tmp_path / "bridge.json").write_text('{"start": 3')
    with pytest.raises(UserError, match=r"bridge\.json: not what metaclr wrote"):
        walk(tmp_path, "simclr", "protoclr")


def test_geometry_is_that_of_the_trained_encoder_on_held_out_views() -> None:
    class Mean(nn.Module):
        """The mean of the rows of an image, and of its columns."""

        def forward(self, x: torch.Tensor) -> torch.Tensor:
            return torch.cat([x.mean((1, 2)), x.mean((1, 3))], 1)

    images = small.stripes(6, 16, name="theirs")

    class Plan:
        recipe = resolve({"views": "gentle"})
        device = torch.device("cpu")
        targets = {"target": type("Target", (), {"images": images})}  # noqa: RUF012

    probe = Probe(Plan(), "target")  # type: ignore[arg-type]
    close, even = measure(Mean(), probe)
    pixels = probe.views.images.float() / 255
    features = Mean()(pixels).view(len(images), 2, -1)
    assert close == pytest.approx(alignment(features), rel=1e-5)
    assert even == pytest.approx(uniformity(Mean()(images.images.float() / 255)), rel=1e-5)
    assert close > 0
    assert not torch.equal(pixels[0], pixels[1])


def chance_of(method: Method, *overrides: str) -> float:
    recipe = resolve(
        {"methods": ["step"]}, ["size=16", "encoder.options={width=8}", "train.batch_views=32", *overrides]
    )
    return loss_at_chance(Run(MethodEntry(name="step"), method, "source", 0), recipe, source())


@pytest.mark.parametrize(
    ("name", "chance"),
    [
        ("simclr", log(31)),
        ("supcon", log(31)),
        ("infonce", log(16)),
        ("clip", log(16)),
        ("protonet", log(8)),
        ("protoclr", log(8)),
        ("r2d2", log(16)),
        ("matching", log(8)),
        ("nca", log(31 / 3)),
        ("dcl", log(30)),
        ("semi_normalized", log(5)),
        ("sogclr", log(30)),
    ],
)
def test_loss_at_chance(name: str, chance: float) -> None:
    assert chance_of(get(name)) == pytest.approx(chance, abs=1e-4)


def test_loss_at_chance_counts_a_queue_that_is_as_full_as_training_makes_it() -> None:
    queued = Method("", "", Objective(roles=split, head=Pairs(dot), negatives=Queue(100)), momentum=0.9)
    assert chance_of(queued) == pytest.approx(log(101), abs=1e-4)
    assert chance_of(queued, "train.steps=3") == pytest.approx(log(1 + 2 * 16), abs=1e-4)


def test_the_size_is_chosen_for_the_device_that_trains(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(torch.cuda, "is_available", lambda: True)
    labels = torch.arange(20).repeat_interleave(6)
    photographs = ImageSet(torch.randint(0, 256, (120, 3, 64, 64), dtype=torch.uint8), labels)
    lines = [line for line in SMALL if not line.startswith("size=")]
    _, recipe, _ = plan_bridge(
        "simclr", "supcon", source={"source": photographs}, targets=["digits"], overrides=lines, device="cpu"
    )
    assert recipe.size == 32


def test_a_step_that_the_data_cannot_give_is_walked_around() -> None:
    # 20 classes: 32-way tasks of two views cannot be, 16-way tasks of four can, so queries come before ways.
    prepared, *_ = plan_bridge(
        "simclr",
        "protonet",
        source={"source": source()},
        targets=["digits"],
        overrides=[*SMALL, "train.batch_views=64"],
    )
    order = [stage.axis for stage in prepared.record().walks[0].stages]
    assert order.index("query") < order.index("way_type")


def test_an_end_that_the_data_cannot_give_is_refused() -> None:
    bare = replace(source(), labels=None, class_names=(), groups=())
    with pytest.raises(UserError, match="'protonet' trains on labels"):
        plan_bridge("simclr", "protonet", source={"source": bare}, targets=["digits"], overrides=SMALL)


def test_my_own_methods_of_one_name_and_a_step_that_fails(tmp_path: Path) -> None:
    mine = Method("", "", Objective(roles=split, embedding=raw, head=Pairs(dot)), name="mine")
    other = Method("", "", Objective(head=Pairs(dot), temperature=0.1), name="mine", projector="linear")
    result = walk(tmp_path / "out", mine, other, seeds=[3])
    assert {"mine", "mine (end)"} <= set(result.rows.method)
    stored = json.loads((result.folder / "bridge.json").read_text())
    middle = stored["walks"][0]["stages"][1]["method"]
    results = load(result.folder, failures={f"{middle.replace(' ', '-')}-source-s3": "the loss is not finite"})
    without = replace(results, rows=tuple(row for row in results.rows if row.method != middle))
    lines = walk_tables(without, summarise(without))[0].lay(6)[0].lines
    assert [entry.plain for entry in lines[2].entries[:2]] == ["failed", "–"]
    assert lines[3].entries[1].plain == "–"
    assert walk_headlines(without, summarise(without))


def test_a_walk_whose_steps_all_fail_is_still_written(tmp_path: Path) -> None:
    result = walk(tmp_path / "out", "simclr", "protoclr", "train.lr=1e30", both_orders=True, seeds=[0])
    assert "NaN or infinite" in result.failures["simclr-source-s0"]
    lines = {line["method"]: line for line in table(result.folder)}
    assert lines["simclr"]["value"] == lines["protoclr"]["difference"] == ""
    assert float(lines["simclr"]["loss_at_chance"]) == pytest.approx(log(31), abs=1e-3)
    assert "failed" in (result.folder / "tables" / "bridge.md").read_text()
    assert not (result.folder / "tables" / "bridge_orders.md").exists()


def test_refused_before_any_work(tmp_path: Path) -> None:
    refused: list[tuple[Callable[[], object], str]] = [
        (lambda: walk(tmp_path / "a", "simclr", "byol"), "not on the bridge"),
        (lambda: walk(tmp_path / "a", "simclr", "protonte"), "did you mean 'protonet'"),
        (lambda: walk(tmp_path / "a", "simclr", "infonce", "evaluate.few_shot=false"), "few-shot episodes"),
        (lambda: walk(tmp_path / "a", "simclr", "infonce", "train.stesp=3"), "did you mean 'steps'"),
        (lambda: walk(tmp_path / "a", "simclr", "infonce", 'sources=["a","b"]'), "one source"),
    ]
    for attempt, says in refused:
        with pytest.raises(UserError, match=says):
            attempt()
    assert not (tmp_path / "a").exists()
