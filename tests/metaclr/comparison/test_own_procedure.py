"""A method's head is one function in training and at test time, and its procedure is what its paper uses."""

from __future__ import annotations

from collections import Counter
from pathlib import Path

import pytest
import torch
from torch import Tensor

import metaclr
from episodes import TaskShape, sample_table
from metaclr import methods
from metaclr.bridge import Context, Objective, Pairs
from metaclr.bridge.objective import Bridge
from metaclr.bridge.roles import RoleAssignment
from metaclr.comparison.runs.own_procedure import own_procedure
from metaclr.engine import Learner
from metaclr.evaluation import episode_accuracies, features, few_shot
from metaclr.evaluation.few_shot import few_shot_of_procedure
from metaclr.networks import build_encoder, build_projector
from tests.metaclr.comparison import small
from tests.metaclr.evaluation.evaluate_data import blobs

BRIDGE_METHODS = [
    name
    for name in methods.names()
    if isinstance(methods.get(name).objective, Objective)
    and not isinstance(methods.get(name).objective.head, Pairs)  # type: ignore[attr-defined]
    and not methods.get(name).episode_head
]


def learner_of(name: str, seed: int = 0) -> Learner:
    """With random, not initial, weights of whatever the method trains."""
    method = methods.get(name)
    encoder = build_encoder("conv4", 1, 16, seed=seed, width=8)
    projector = build_projector(method.projector, int(encoder.features), hidden=16, dim=12, seed=seed)
    objective = method.objective.build(int(projector.features), dataset_size=100, classes=9)
    with torch.no_grad():
        made = torch.Generator().manual_seed(seed)
        for parameter in objective.parameters():
            parameter.add_(0.1 * torch.randn(parameter.shape, generator=made))
    return Learner(encoder, projector, objective, momentum=method.momentum)


def test_methods_with_a_head_of_an_episode() -> None:
    assert {"protonet", "matching", "r2d2", "r2d2_classes", "metaoptnet", "relation", "nca"} <= {*BRIDGE_METHODS}


@pytest.mark.parametrize("name", BRIDGE_METHODS)
def test_the_same_logits_in_training_and_at_test_time(name: str) -> None:
    """20 stored episodes, float64, up to a constant per query: the objective's head against the procedure's."""
    learner = learner_of(name).double().eval()
    procedure = own_procedure(methods.get(name), learner)
    assert procedure is not None
    images = blobs(8, 10, size=16)
    table = sample_table(images, TaskShape(5, 2, 3), 20, seed=1)
    rows = features(learner.encoder, images, precision="fp64")
    (tested,) = procedure.episode_logits(rows, images, table)
    objective = learner.objective
    assert isinstance(objective, Bridge)
    embeddings = procedure.embed(rows)  # type: ignore[attr-defined]
    support, query = embeddings[table.support], embeddings[table.query]
    scale = objective._scale()
    logits = objective.head(RoleAssignment(query, support, False), None, scale)
    if type(objective.head).__name__ == "Matching":  # a column per support row: its classes' summed weight
        trained = logits.values.view(20, 15, 5, 2).logsumexp(-1)
        tested_logits = tested
    else:
        trained, tested_logits = logits.values, tested * scale
    torch.testing.assert_close(trained.log_softmax(-1), tested_logits.log_softmax(-1), rtol=1e-9, atol=1e-9)


def test_heads_are_the_same_function_objects() -> None:
    from metaclr.bridge.heads import prototypes as training
    from metaclr.bridge.logits import inner_products
    from metaclr.heads import in_context, prototypes, relation, ridge, similarity, snail, svm

    assert training.prototypes.class_means is prototypes.class_means
    assert inner_products.squared_euclidean is similarity.squared_euclidean
    for name, head in (
        ("r2d2_classes", ridge.Ridge),
        ("metaoptnet", svm.SVM),
        ("relation", relation.Comparator),
        ("caml", in_context.InContextTransformer),
        ("snail", snail.SnailNetwork),
    ):
        objective = learner_of(name).objective
        assert isinstance(objective, Bridge)
        built = objective.head.episode_head(1.0)  # type: ignore[attr-defined]
        assert isinstance(built, head)
        assert type(built).fit is head.fit


FITTED = ["r2d2", "r2d2_classes", "metaoptnet", "relation", "caml", "camelu", "snail"]


@pytest.mark.parametrize("name", FITTED)
def test_the_loss_and_the_evaluation_call_the_same_function(name: str, monkeypatch: pytest.MonkeyPatch) -> None:
    """A whole loss, and a whole evaluation by `heads = ["method"]`: the one function is replaced, and both see it."""
    learner = learner_of(name)
    procedure = own_procedure(methods.get(name), learner)
    assert procedure is not None
    kind = type(procedure.head)  # type: ignore[attr-defined]
    function = "fit_coded" if hasattr(kind, "fit_coded") else "fit"
    plain, calls = getattr(kind, function), []

    def counted(self: object, *given: Tensor) -> object:
        calls.append(len(given[0]))
        return plain(self, *given)

    monkeypatch.setattr(kind, function, counted)
    objective = learner.objective
    z = torch.randn(1, 9, 4, int(learner.projector.features))  # type: ignore[arg-type]
    objective(z, Context(shot=1, labels=torch.arange(9)[None]))
    assert len(calls) == 1  # training
    images = blobs(8, 10, size=16)
    table = sample_table(images, TaskShape(5, 2, 3), 20, seed=1)
    few_shot_of_procedure(procedure, features(learner.encoder, images), images, table, target="t")
    assert sum(calls[1:]) == 20  # testing: all episodes


@pytest.mark.parametrize(
    ("name", "words"),
    [
        ("caml", "InContextHead with trained weights"),
        ("snail", "SnailHead with trained weights"),
        ("protonet", "Prototypes, squared_euclidean, raw features"),
        ("matching", "Matching"),
        ("r2d2_classes", "Ridge, regularizer"),
        ("metaoptnet", "SVM, penalty 0.1, steps 30"),
        ("relation", "RelationHead with trained weights"),
        ("nca", "projected embeddings"),
        ("simclr", "logistic regression"),
        ("byol", "logistic regression"),
        ("prototransfer", "linear layer from prototypes, 15 epochs of Adam (ProtoTune)"),
        ("cactus", "Prototypes, squared_euclidean, raw features"),
        ("supervised", "Baseline++"),
    ],
)
def test_description(name: str, words: str) -> None:
    procedure = own_procedure(methods.get(name), learner_of(name))
    assert procedure is not None
    assert words in procedure.description


def test_trained_weights_of_a_head_reach_its_rows() -> None:
    images = blobs(8, 10, size=16)
    table = sample_table(images, TaskShape(5, 1, 5), 50, seed=1)
    values = []
    for seed in (0, 1):
        learner = learner_of("relation")
        other = learner_of("relation", seed)
        learner.objective.load_state_dict(other.objective.state_dict())
        procedure = own_procedure(methods.get("relation"), learner)
        assert procedure is not None
        rows = features(learner.encoder, images)
        (found,) = few_shot_of_procedure(procedure, rows, images, table, target="t")
        assert found.evaluator == "few-shot method"
        values.append(found.per_item)
    assert not torch.equal(*values)  # type: ignore[arg-type]


def test_squared_euclidean_prototypes_are_the_named_head() -> None:
    learner = learner_of("protonet")
    procedure = own_procedure(methods.get("protonet"), learner)
    assert procedure is not None
    images = blobs(8, 10, size=16)
    table = sample_table(images, TaskShape(5, 2, 5), 50, seed=1)
    rows: Tensor = features(learner.encoder, images)
    (own,) = few_shot_of_procedure(procedure, rows, images, table, target="t")
    (named,) = few_shot(rows, table, images.required_labels(), target="t", head="euclidean")
    assert torch.equal(own.per_item, named.per_item)  # type: ignore[arg-type]
    assert torch.equal(own.per_item, episode_accuracies(rows, table, head="euclidean"))  # type: ignore[arg-type]


def test_several_heads_in_one_comparison_are_blocks_of_its_tables(tmp_path: Path) -> None:
    result = metaclr.compare(
        "glyphs",
        methods=["protonet", "simclr"],
        sources={"source": small.stripes(name="ours")},
        targets={"target": small.stripes(6, 16, name="theirs")},
        out=tmp_path / "out",
        device="cpu",
        overrides=[
            *small.SETTINGS,
            "evaluate.few_shot.heads=cosine,method,cl2n+euclidean,bd_cspn",
            "evaluate.linear=false",
            "evaluate.knn=false",
            "evaluate.low_label=false",
        ],
        quiet=True,
    )
    names = ["few-shot", "few-shot method", "few-shot cl2n+euclidean", "few-shot bd_cspn, transductive"]
    assert set(result.rows.evaluator) == set(names)
    assert Counter(result.rows.method) == {m: len(names) for m in ("protonet", "simclr", "untrained", "pixels")}
    own = result.rows[result.rows.evaluator == "few-shot method"].set_index("method").protocol
    assert "head=Prototypes, squared_euclidean, raw features" in own["protonet"]
    assert "head=logistic regression, C 1, unit-norm features" in own["simclr"]
    assert "head=cosine prototypes" in own["pixels"]
    table = (result.folder / "tables" / "main.md").read_text()
    for words in ("few-shot, method", "few-shot, cl2n+euclidean", "few-shot, bd-cspn, transductive", "own classifier"):
        assert words in table
    row = result.rows.set_index(["method", "evaluator"]).value
    assert row["untrained", "few-shot method"] == row["untrained", "few-shot"]
