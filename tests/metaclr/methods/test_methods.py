"""The methods as declarations: found by file, comparable, described; what the papers call the same is the same."""

from __future__ import annotations

from pathlib import Path

import pytest
import torch
import torch.nn.functional as F

import metaclr.methods
from metaclr.bridge import Context, NoObjective, Objective, Prototypes, dot, given, raw, split, swap
from metaclr.bridge.losses.supervised import Supervised
from metaclr.errors import UserError
from metaclr.methods import Method, describe, diff, get, names

FOLDER = Path(metaclr.methods.__file__).parent
TRAINED = [name for name in names() if get(name).trained and get(name).learner is None]


def test_a_method_is_found_by_its_file() -> None:
    files = {path.stem for path in FOLDER.glob("*.py")} - {
        "__init__",
        "bibliography",
        "method",
        "differences",
        "families",
        "summaries",
        "tricks",
    }
    assert files == set(names())
    assert all(get(name).name == name for name in names())


def test_the_methods_that_were_promised_are_there() -> None:
    promised = (
        "simclr infonce protonet protoclr r2d2 r2d2_classes matching supcon supcon_in supervised byol untrained pixels "
        "clip npair moco moco_v1 dcl dclw debiased hcl hard_contrastive hard_contrastive_threshold simple_contrastive "
        "nca l_spread sogclr metaoptnet relation triplet triplet_batch_hard siamese psco semi_normalized simsiam "
        "metacontrastive_protonet metacontrastive_r2d2 barlow_twins vicreg spectral align_uniform wmse "
        "symmetric_protoclr simclr_multiview directclr"
    )
    assert set(promised.split()) <= set(names())


@pytest.mark.parametrize("name", names())
def test_method_files_are_short_and_say_where_they_come_from(name: str) -> None:
    text = (FOLDER / f"{name}.py").read_text()
    assert text.startswith('"""')
    method = get(name)
    assert method.summary
    assert method.reference
    if method.learner is None:
        assert len(text.splitlines()) <= 60
        assert method.formula or not method.trained


@pytest.mark.parametrize("name", TRAINED)
def test_every_method_builds_at_its_own_shape_and_trains_a_step(name: str) -> None:
    method = get(name)
    module = method.objective.build(64, dataset_size=100, classes=20)
    views = method.shot + method.query
    way = method.way or 128 // views
    source = torch.Generator().manual_seed(0)
    z = torch.randn(2, way, views, 64, generator=source).repeat_interleave(2, 1)[:, :way].requires_grad_()
    labels = torch.arange(2 * way).reshape(2, way)
    if method.way_type == "instances" and method.labels == "given":
        labels = labels % 20
    target = torch.randn(z.shape, generator=source) if method.momentum is not None else None
    images = torch.arange(2 * way).reshape(2, way) % 100
    loss = module(z, Context(labels=labels, images=images, shot=method.shot, momentum_embeddings=target))
    loss.backward()
    assert z.grad is not None
    assert loss.isfinite()
    if isinstance(method.objective, Objective | Supervised):
        assert module.accuracy.shape == ()
        assert 0 <= module.accuracy <= 1


@pytest.mark.parametrize("name", TRAINED)
def test_descent_on_the_embeddings_lowers_the_loss(name: str) -> None:
    method = get(name)
    module = method.objective.build(64, dataset_size=70, classes=70)
    source = torch.Generator().manual_seed(0)
    ways = 70 if name == "wmse" else 24
    z = (0.2 * torch.randn(1, ways, method.shot + method.query, 64, generator=source)).requires_grad_()
    rate = 0.005 if name == "cpc" else 0.05  # a network of five residual blocks without norms
    optimizer = torch.optim.Adam([z, *module.parameters()], rate)
    losses = []
    for _ in range(25):
        target = z.detach().clone() if method.momentum is not None else None
        labels = torch.arange(ways)[None]
        loss = module(z, Context(labels=labels, images=labels, shot=method.shot, momentum_embeddings=target))
        optimizer.zero_grad()
        loss.backward()
        optimizer.step()
        losses.append(loss.item())
    if method.momentum is None or name == "byol":  # with a queue, the first steps see few negatives
        assert sum(losses[-5:]) < sum(losses[:5])


def test_diff_is_exact() -> None:
    assert diff("simclr", "infonce") == [("roles", "leave_one_out", "swap")]
    assert diff("simclr", "simclr") == []
    assert diff("supcon", "supcon_in") == [("head", "Pairs(dot)", "Matching(dot)")]
    assert diff("dcl", "dclw") == [("denominator", "Decoupled(None)", "Decoupled(0.5)")]
    assert diff("protoclr", "protonet") == [
        ("labels", "instance", "given"),
        ("way_type", "instances", "classes"),
        ("views", "as compared", "identity"),
        ("support_views", "identity", "as views"),
    ]
    assert ("roles", "leave_one_out", "-") in diff("simclr", "byol")
    assert ("objective", "-", "WithPredictor(Alignment)") in diff("simclr", "byol")
    mine = Method(summary="mine", reference="me", objective=get("simclr").objective)
    assert diff(mine, "simclr") == []


def test_only_equal_methods_have_no_difference() -> None:
    fields = ("objective", "shot", "query", "way_type", "projector")
    for a in names():
        for b in names():
            same = all(getattr(get(a), field) == getattr(get(b), field) for field in fields)
            assert same or diff(a, b), (a, b)


@pytest.mark.parametrize("name", names())
def test_describe_has_reference_and_settings(name: str) -> None:
    text = "\n".join(describe(name))
    assert get(name).reference in text
    assert "projector" in text
    assert all("0x" not in line for line in describe(name))  # no object's address


def test_unknown_methods_get_the_nearest_name() -> None:
    with pytest.raises(UserError, match="did you mean 'simclr'"):
        get("simcrl")


def test_illegal_methods_are_refused() -> None:
    with pytest.raises(UserError, match="labels='given'"):
        Method(summary="", reference="", objective=Objective(labels=given))
    with pytest.raises(UserError, match="at least 1"):
        Method(summary="", reference="", shot=0)
    with pytest.raises(UserError, match="momentum"):
        Method(summary="", reference="", objective=get("byol").objective)
    with pytest.raises(UserError, match="nothing to train"):
        get("untrained").objective.build(8)
    assert isinstance(get("pixels").objective, NoObjective)


def test_defaults_are_plain_values_that_build_takes_back() -> None:
    method = get("hcl")
    assert method.defaults["temperature"] == 0.5
    assert method.defaults["denominator.beta"] == 1.0
    assert method.defaults["head.similarity"] == "dot"
    assert all(isinstance(value, int | float | str | bool | None) for value in method.defaults.values())
    rebuilt = method.objective.build(4, **{"denominator.beta": 0.0, "similarity": "cosine"})
    assert rebuilt.settings.denominator == get("debiased").objective.denominator  # type: ignore[attr-defined]


def draw(ways: int, views: int, dim: int = 8) -> torch.Tensor:
    return torch.randn(1, ways, views, dim, dtype=torch.float64, generator=torch.Generator().manual_seed(0))


def loss_of(name: str, z: torch.Tensor, context: Context | None = None, **settings: float) -> torch.Tensor:
    value: torch.Tensor = get(name).objective.build(z.shape[-1], **settings).double()(z, context)
    return value


def test_methods_that_are_the_same_on_the_same_input() -> None:
    z, classes = draw(9, 2), Context(labels=torch.arange(9)[None])
    torch.testing.assert_close(loss_of("supcon", z, classes), loss_of("simclr", z, temperature=0.1))
    torch.testing.assert_close(loss_of("supcon_in", z, classes), loss_of("simclr", z, temperature=0.1))
    torch.testing.assert_close(loss_of("simclr_multiview", z), loss_of("simclr", z))
    torch.testing.assert_close(loss_of("protonet", z, classes), loss_of("protoclr", z))
    one_way = F.cross_entropy(*logits_of_one_way(z, 0.05))
    torch.testing.assert_close(loss_of("metacontrastive_protonet", z), one_way)  # flag 0.1 is temperature 0.05
    torch.testing.assert_close(loss_of("directclr", z, first=7), loss_of("infonce", z[..., :7], temperature=0.1))


def logits_of_one_way(z: torch.Tensor, tau: float) -> tuple[torch.Tensor, torch.Tensor]:
    support, query = F.normalize(z[0], dim=-1).unbind(1)
    return query @ support.T / tau, torch.arange(len(z[0]))


def test_symmetric_protoclr_is_the_mean_of_both_directions() -> None:
    z = draw(7, 2)
    both = (loss_of("protoclr", z) + loss_of("protoclr", z.flip(2))) / 2
    torch.testing.assert_close(loss_of("symmetric_protoclr", z), both)


def test_ones_own_method_needs_no_file() -> None:
    mine = Method(
        summary="dot prototypes",
        reference="me",
        objective=Objective(roles=swap, embedding=raw, head=Prototypes(dot), temperature=1.0),
    )
    assert ("head", "Prototypes(dot)", "Prototypes(squared_euclidean)") in diff(mine, "symmetric_protoclr")
    assert diff(mine, Method(summary="", reference="", objective=Objective(roles=split))) != []
