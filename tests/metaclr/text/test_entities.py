"""Entities and mentions: tables, hard negatives against a loop, a killed training, accuracy for head and tail."""

from __future__ import annotations

import re
import sys
from pathlib import Path
from typing import Any

import pytest
import torch
import torch.nn.functional as F
from click.testing import CliRunner

import metaclr.engine  # noqa: F401  loaded for `sys.modules`
from episodes import TaskShape
from metaclr.api.entities import train_entities
from metaclr.cli.entities import command
from metaclr.comparison.runs.text_training import TextOptions
from metaclr.errors import UserError
from metaclr.evaluation.entity_retrieval import accuracies, control_similarity, parts_of
from metaclr.text.entities import Entities, character_entities, read_entities
from metaclr.text.entity_sampler import EntitySampler, HardNegatives, nearest_wrong


def tables(root: Path, more: str = "") -> tuple[Path, Path]:
    """Six cities and rivers; the first has many mentions."""
    entities = "entity,type,text\n" + "".join(
        f"e{i},{'city' if i % 2 else 'river'},word{i} {'town' if i % 2 else 'water'}\n" for i in range(6)
    )
    rows = ["text,entity,split"]
    for i in range(6):
        rows += [f"about word{i} of {j},e{i},train" for j in range(6 if i == 0 else 2)]
        rows.append(f"asked word{i},e{i},test")
    (root / "entities.csv").write_text(entities)
    (root / "mentions.csv").write_text("\n".join(rows) + more)
    return root / "entities.csv", root / "mentions.csv"


def test_tables_are_read(tmp_path: Path) -> None:
    found = read_entities(*tables(tmp_path))
    assert found.names == tuple(f"e{i}" for i in range(6))
    assert found.types[:2] == ("river", "city")
    assert found.type_numbers.tolist() == [1, 0] * 3
    assert found.counts.tolist() == [6, 2, 2, 2, 2, 2]
    assert int(found.tested.sum()) == 6
    parts = parts_of(found)
    assert parts["head"].tolist() == [True, *[False] * 5]
    assert control_similarity("tf-idf", found).argmax(1).tolist() == list(range(6))


@pytest.mark.parametrize(
    ("more", "words"), [("\nx,e9,train", "row 24: entity 'e9' is not in"), ("\nx,e1,dev", "split 'dev'")]
)
def test_damaged_tables_are_refused(tmp_path: Path, more: str, words: str) -> None:
    entities, mentions = tables(tmp_path, more)
    with pytest.raises(UserError, match=words) as error:
        read_entities(entities, mentions)
    assert "\n" not in str(error.value)
    entities.write_text("entity,text\na,b\n")
    with pytest.raises(UserError, match="has no column 'type'"):
        read_entities(entities, mentions)
    entities.write_text("entity,type\na,b\na,c\n")
    with pytest.raises(UserError, match="'a' is listed twice"):
        read_entities(entities, mentions)
    with pytest.raises(UserError, match="both tables"):
        train_entities(entities)
    with pytest.raises(UserError, match="needs labels"):
        train_entities(methods="protonet", quiet=True)


def test_ways_are_entities_and_their_mentions_and_hard_ones_follow(tmp_path: Path) -> None:
    found = read_entities(*tables(tmp_path))
    hard = HardNegatives(int((~found.tested).sum()), 2)
    draw = EntitySampler(found, TaskShape(4, 1, 2), hard, seed=0)
    rows = (~found.tested).nonzero().flatten()
    for step in range(20):
        if step == 10:  # entity e is mistaken for e + 1 and e + 2
            hard.set((found.of[rows].unsqueeze(1) + torch.tensor([1, 2])) % 6, step)
        episode = draw(step)
        assert torch.equal(episode.images[..., 0], episode.labels)
        mentions = episode.images[..., 1:] - 6
        assert torch.equal(found.of[mentions], episode.labels.unsqueeze(-1).expand_as(mentions))
        assert not found.tested[mentions].any()
        assert len(episode.labels[0].unique()) == 4
        if step >= 10:
            anchors, wrong = episode.labels[0, 0::2].tolist(), episode.labels[0, 1::2].tolist()
            free = [{(a + 1) % 6, (a + 2) % 6} - set(anchors) for a in anchors]
            assert wrong[0] in free[0] or not free[0]
        assert torch.equal(draw(step).images, episode.images)


def test_nearest_wrong_and_accuracy_are_those_of_loops() -> None:
    draw = torch.Generator().manual_seed(0)
    rows, columns = (F.normalize(torch.randn(n, 5, generator=draw), dim=1) for n in (12, 7))
    of = torch.arange(12) % 7
    allowed = torch.tensor([True] * 6 + [False])
    found = nearest_wrong(rows, columns, of, allowed, 3)
    for i in range(12):
        near = sorted((j for j in range(6) if j != of[i]), key=lambda j: -float(rows[i] @ columns[j]))
        assert found[i].tolist() == near[:3]
    tested = torch.arange(12) >= 7
    entities = Entities(tuple("abcdefg"), tuple("abcdefg"), ("t",) * 7, tuple("m" * 12), of, tested, "made")
    similarity = rows[tested] @ columns.T
    for k in (1, 3):
        value = next(one.value for one in accuracies(similarity, entities, (k,)) if one.part == "all")
        hits = [int(of[7 + i]) in similarity[i].topk(k).indices.tolist() for i in range(5)]
        assert value == pytest.approx(100 * sum(hits) / 5)


SMALL = TextOptions(encoder="bag", features=16)


def run(folder: Path, tmp_path: Path, **more: Any) -> dict[str, torch.Tensor]:
    train_entities(
        *tables(tmp_path), options=SMALL, rounds=3, hard=2, steps=9, out=folder, device="cpu", quiet=True,
        overrides=["train.batch_views=8", "train.checkpoint_seconds=1e-9"], **more,
    )  # fmt: skip
    (place,) = [path for path in folder.iterdir() if path.is_dir()]
    saved: dict[str, torch.Tensor] = torch.load(place / "checkpoint.pt", weights_only=True)["learner"]
    return saved


def test_a_training_that_stops_after_a_refresh_resumes_to_the_same_bits(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    whole = run(tmp_path / "whole", tmp_path)
    assert int(whole["hard.step"]) == 6
    loop = sys.modules["metaclr.engine.train"]
    after = loop._after_step

    def stop(state: Any, *rest: Any) -> None:
        after(state, *rest)
        if state.step == 5:
            raise RuntimeError("stopped")

    with monkeypatch.context() as patch:
        patch.setattr(loop, "_after_step", stop)
        with pytest.raises(RuntimeError, match="stopped"):
            run(tmp_path / "other", tmp_path)
    other = run(tmp_path / "other", tmp_path)
    assert not [key for key in whole if not torch.equal(whole[key], other[key])]


def test_training_beats_counting(tmp_path: Path) -> None:
    found = character_entities()
    assert len(set(found.types)) == 10
    assert parts_of(found)["tail"].any()
    done = CliRunner().invoke(
        command,
        ["--methods", "tabi", "--encoder", "bag", "--dropout", "0.01", "--steps", "60", "--device", "cpu",
         "--out", str(tmp_path), "--set", "train.batch_views=256", "--set", "train.lr=0.01"],
    )  # fmt: skip
    assert done.exit_code == 0, done.output
    lines = [re.split(r"  +", line.strip()) for line in done.stdout.splitlines()]
    every_at_10 = {line[0]: float(line[2]) for line in lines if len(line) == 7 and line[0] != "column"}
    assert every_at_10["tabi"] > every_at_10["bag of words"] + 2
    assert every_at_10["tabi"] > max(every_at_10["untrained"], every_at_10["tf-idf"])
