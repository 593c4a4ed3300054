"""Protocols by name: they fix the evaluation, name the data, and tables say which was followed and where not."""

from pathlib import Path

import pytest
import torch
from torch import nn

import metaclr
from episodes import ImageSet, splits
from metaclr.data.named_sets import named_sets
from metaclr.data.reference import parse
from metaclr.data.sets import omniglot_one_shot
from metaclr.errors import UserError
from metaclr.evaluation.evaluators import chosen
from metaclr.recipe import resolve
from metaclr.recipe.protocols import PROTOCOLS, get_protocol, with_protocol
from tests.metaclr.comparison.small import stripes

RECIPE = {"sources": ["glyphs:source"], "targets": ["digits"], "methods": ["simclr"], "size": 20, "views": "gentle"}


@pytest.mark.parametrize("name", PROTOCOLS)
def test_every_protocol_is_a_recipe_of_known_data_and_evaluators(name: str) -> None:
    resolved = resolve(with_protocol(RECIPE, name, []))
    assert resolved.protocol == name
    assert chosen(resolved.evaluate.model_dump())
    for data in (*resolved.sources, *resolved.targets):
        reference = parse(data)
        assert set(reference.parts) <= {"train", "val", "test"}
        assert reference.base in named_sets()
    protocol = get_protocol(name)
    assert (resolved.size, resolved.channels, resolved.views) == (protocol.size, protocol.channels, protocol.views)


def test_published_numbers() -> None:
    few = {name: resolve(with_protocol(RECIPE, name, [])).evaluate.few_shot for name in ("bscd-fsl", "mini-5way")}
    assert few["bscd-fsl"] is not False
    assert few["mini-5way"] is not False
    assert (few["bscd-fsl"].ways, few["bscd-fsl"].shots, few["bscd-fsl"].episodes) == ((5,), (5, 20, 50), 600)
    assert (few["mini-5way"].ways, few["mini-5way"].shots, few["mini-5way"].query) == ((5,), (1, 5), 15)


def test_what_the_command_says_of_data_holds_and_the_evaluation_does_not_change() -> None:
    tables = with_protocol(RECIPE | {"sources": ["digits"]}, "mini-5way", ["size=40"], given=["sources"])
    assert tables["sources"] == ["digits"]
    assert tables["targets"] == ["mini_imagenet:test"]
    assert resolve(tables, ["size=40"]).size == 40
    with pytest.raises(UserError, match="--protocol mini-5way fixes the evaluation; leave out one of the two"):
        with_protocol(RECIPE, "mini-5way", ["evaluate.few_shot.query=5"])
    with pytest.raises(UserError, match="did you mean 'bscd-fsl'"):
        get_protocol("bscd_fsl")


class Means(nn.Module):
    def forward(self, pixels: torch.Tensor) -> torch.Tensor:
        return pixels.mean((1, 3))


def test_tables_say_the_protocol_and_what_differs(tmp_path: Path) -> None:
    bars = stripes(8, 20)
    metaclr.evaluate(Means(), {"bars": bars}, size=16, protocol="mini-5way", out=tmp_path)
    table = (tmp_path / "tables" / "main.md").read_text()
    assert "Protocol: mini-5way, 5 ways, 1 and 5 shots, 15 queries, 2,000 episodes, 84 pixels (Ravi and" in table
    assert (
        "here: target bars in place of mini\\_imagenet:test" in table
        or "target bars in place of mini_imagenet:test" in table
    )
    with pytest.raises(UserError, match="query"):  # 20 images give no 15 queries beside 15 shots: refused, not shrunk
        metaclr.evaluate(Means(), {"bars": stripes(8, 17)}, size=16, protocol="mini-5way")


def test_meta_dataset_tasks_are_a_column(tmp_path: Path) -> None:
    result = metaclr.evaluate(Means(), {"bars": stripes(8, 20)}, size=16, protocol="meta-dataset", out=tmp_path)
    row = result.rows[result.rows.method == "encoder"].iloc[0]
    assert (row.evaluator, row.label_subset, row.n_items) == ("meta-dataset", "5 to 8 ways", 600)
    assert row.value > 100 / 5
    assert "5 to 8 ways" in (tmp_path / "tables" / "main.md").read_text()


def test_the_official_runs_are_the_episodes(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> None:
    """20 runs of 20 ways whose second drawing equals the first: every query is found, in one episode a run."""
    generator = torch.Generator().manual_seed(0)
    first = torch.randint(0, 256, (400, 1, 16, 16), dtype=torch.uint8, generator=generator)
    names = tuple(f"run{run:02d}/class{way:02d}" for run in range(20) for way in range(20))
    runs = tuple(name.split("/")[0] for name in names)
    order = torch.randperm(400, generator=generator)
    images = ImageSet(
        torch.cat([first, first[order]]), torch.cat([torch.arange(400), order]), names, runs,
        name="omniglot_one_shot", copies_of=runs,
    )  # fmt: skip
    table = omniglot_one_shot.runs_table(images)
    assert table.support.shape == table.query.shape == (20, 20, 1)
    assert (images.required_labels()[table.support] == images.required_labels()[table.query]).all()
    result = metaclr.evaluate(
        nn.Flatten(), {"omniglot_one_shot": images}, size=16, channels=1, protocol="human", out=tmp_path
    )
    row = result.rows[result.rows.method == "encoder"].iloc[0]
    assert (row.value, row.way, row.shot, row.n_items) == (100, 20, 1, 20)
    assert "its 20 published episodes, 20-way 1-shot" in (tmp_path / "tables" / "main.md").read_text()


def test_class_lists_of_protocols_ship() -> None:
    assert {"mini_imagenet", "cdfsl_chestx", "meta_dataset_fungi"} <= set(splits.names())
