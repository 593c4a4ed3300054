"""Every method with its own defaults against the slow loops of `tests/reference.py`; none is left out.

Sizes that would be slow are made small as in `test_gradients.small`: queues, dimensions, resampled tasks.
MAML and UMTRA take images, not embeddings: `test_maml` has their loops.
"""

from __future__ import annotations

from collections.abc import Callable
from math import exp, isinf, log
from pathlib import Path

import pytest
import torch
from torch import Tensor, nn

from metaclr.bridge import Context
from metaclr.bridge.losses.barlow_twins import EPSILON as BARLOW_EPSILON
from metaclr.bridge.losses.vicreg import EPSILON as VICREG_EPSILON
from metaclr.heads.svm import svm_dual
from tests import reference as loops
from tests.metaclr.bridge.test_gradients import TRAINED, WAYS, small

Expected = Callable[[nn.Module, Tensor, Context], float]  # z is (N, V, D), raw


def classes(context: Context) -> list[int]:
    assert context.labels is not None
    return context.labels[0].tolist()  # type: ignore[no-any-return]


def target(context: Context) -> Tensor:
    assert context.momentum_embeddings is not None
    return context.momentum_embeddings[0]


def predictions(module: nn.Module, z: Tensor) -> Tensor:
    with torch.no_grad():
        return module.predictor(z.flatten(0, 1)).reshape(z.shape)  # type: ignore[no-any-return, operator]


def held(axis: nn.Module) -> Tensor:
    rows, written = axis.queue.read()
    return rows[written]  # type: ignore[no-any-return]


def moco(module: nn.Module, z: Tensor, context: Context, tau: float) -> float:
    return loops.moco(unit(z)[:, 1], unit(target(context))[:, 0], held(module.negatives), tau)


def psco(module: nn.Module, z: Tensor, context: Context) -> float:
    first, second = module.objective.terms
    p = unit(predictions(module, z))
    keys, rows = unit(target(context))[:, 0], held(second.labels)
    plan = loops.sinkhorn([[loops.dot(k, row) for row in rows] for k in keys], 0.05, 3)
    chosen = [sorted(range(len(rows)), key=lambda j, share=share: -share[j])[:2] for share in plan]
    shots = torch.stack([torch.stack([rows[j] for j in nearest]) for nearest in chosen])
    return moco(first, p, context, 0.2) + loops.psco_supervised(p[:, 1], shots, 1.0)


def relation(module: nn.Module, z: Tensor, context: Context) -> float:
    head, scores, targets = module.head, [], []
    with torch.no_grad():
        for way in range(len(z)):
            for q in z[way, 1:]:
                pairs = [head.of_query(q) + head.of_support(z[n, 0]) for n in range(len(z))]
                scores.append([float(head.score(pair.relu())) for pair in pairs])
                targets.append(way)
    return loops.relation_loss(scores, targets)


def metaoptnet(module: nn.Module, z: Tensor, context: Context) -> float:
    """The solver itself is held against its duality gap in `test_formulas`; here its 8 steps are taken as they are."""
    support = unit(z)[None, :, :1]
    weights = svm_dual(support, 0.1, 8)[0].T @ support[0, :, 0]
    rows = [(way, q) for way in range(len(z)) for q in unit(z)[way, 1:]]
    return loops.cross_entropy([[loops.dot(q, w) / 0.02 for w in weights] for _, q in rows], [way for way, _ in rows])


def semi_normalized(module: nn.Module, z: Tensor, context: Context) -> float:
    tasks, _ = module.tasks(z[None], context)
    return loops.mean([loops.prototype_loss(task, 1, loops.semi_normalized, 1.0) for task in tasks])


def hms(module: nn.Module, z: Tensor, context: Context) -> float:
    """Tasks and mixing factors as they are drawn; everything else one query after the other."""
    from episodes.random import key, uniform

    tasks, drawn = module.tasks(z[None], context)
    mixer, count, index, losses = module.negatives, 4, 0, []
    for task, images in zip(tasks, drawn.images, strict=True):
        of_task = []
        for way, q in [(n, q) for n in range(len(task)) for q in task[n, 1:]]:
            others = [row for image in range(len(z)) if image != images[way] for row in z[image]]
            nearest = sorted(others, key=lambda row, q=q: -loops.semi_normalized(q, row))[:count]
            logits = [loops.semi_normalized(q, support) for support in task[:, 0]]
            for row in nearest:
                item = index + int(mixer.calls) * len(tasks) * len(task) * (task.shape[1] - 1) * count
                c = 0.5 * float(uniform(key(mixer.seed, "mixed negatives"), torch.tensor(item)))
                logits.append(loops.semi_normalized(q, (1 - c) * row + c * q))
                index += 1
            of_task.append(loops.log_sum_exp(logits) - logits[way])
        losses.append(loops.mean(of_task))
    return loops.mean(losses)


def unisiam(module: nn.Module, z: Tensor, context: Context) -> float:
    rows = loops.rows_of(unit(z))
    spread = [exp(loops.dot(x, y) / 2.0) for i, x in rows for j, y in rows if i != j]
    return loops.alignment_loss(predictions(module.terms[0], z), z, 1.0) + 0.1 * log(loops.mean(spread))


def sogclr(module: nn.Module, z: Tensor, context: Context) -> float:
    before = [None if isinf(u) else exp(u) for u in module.denominator.log_u[context.images[0]].tolist()]
    return loops.sogclr(unit(z), 0.1, 0.9, before)[0]


def supervised(module: nn.Module, z: Tensor, context: Context) -> float:
    weights, biases = (one.detach() for one in module.linear.parameters())
    classifier = list(zip(weights, biases, strict=True))
    logits = [[loops.dot(w, row) + float(b) for w, b in classifier] for _, row in loops.rows_of(z)]
    return loops.cross_entropy(logits, [label for label in classes(context) for _ in range(z.shape[1])])


def symmetric_protoclr(module: nn.Module, z: Tensor, context: Context) -> float:
    return loops.swapped(z, 1, lambda z: loops.prototype_loss(z, 1, loops.squared_euclidean, 1.0))


def with_ones(rows: Tensor) -> Tensor:
    return torch.cat([rows, torch.ones_like(rows[..., :1])], -1)


def supcon_spread(module: nn.Module, z: Tensor, context: Context) -> float:
    labels = classes(context)
    return 0.5 * loops.supcon_out(unit(z), labels, 0.1) + 0.5 * loops.within_class(unit(z), labels, 0.1)


unit = loops.unit
HARDEST = 1  # 8.19 % of the 10 negatives
EXPECTED: dict[str, Expected] = {
    "align_uniform": lambda m, z, c: loops.align_uniform(unit(z), 2.0, 2.0),
    "barlow_twins": lambda m, z, c: loops.barlow_twins(z, 0.0051, BARLOW_EPSILON),
    "byol": lambda m, z, c: loops.alignment_loss(predictions(m, z), target(c), 2.0),
    "cactus": lambda m, z, c: loops.prototype_loss(z, 1, loops.squared_euclidean, 1.0),
    "clip": lambda m, z, c: loops.info_nce(unit(z), 0.07),
    "dcl": lambda m, z, c: loops.dcl(unit(z), 0.1),
    "dclw": lambda m, z, c: loops.dclw(unit(z), 0.1, 0.5),
    "debiased": lambda m, z, c: loops.hcl(unit(z), 0.5, 0.0, 0.1),
    "directclr": lambda m, z, c: loops.info_nce(unit(z[..., :3]), 0.1),
    "hard_contrastive": lambda m, z, c: loops.hard_contrastive(unit(z), 0.3, HARDEST),
    "hard_contrastive_threshold": lambda m, z, c: loops.hard_threshold(unit(z), 0.3, 0.0),
    "hcl": lambda m, z, c: loops.hcl(unit(z), 0.5, 1.0, 0.1),
    "hms": hms,
    "simcse": lambda m, z, c: loops.prototype_loss(unit(z), 1, loops.dot, 0.05),
    "infonce": lambda m, z, c: loops.info_nce(unit(z), 0.2),
    "l_spread": lambda m, z, c: loops.l_spread(unit(z), classes(c), 0.5),
    "l_spread_autoencoder": lambda m, z, c: loops.l_spread(unit(z), classes(c), 0.5),  # of the embeddings
    "matching": lambda m, z, c: loops.matching_loss(unit(z), 2, loops.dot, 0.1),
    "metacontrastive_protonet": lambda m, z, c: loops.prototype_loss(
        unit(z) / 0.1**0.5, 1, loops.squared_euclidean, 1.0
    ),
    "metacontrastive_r2d2": lambda m, z, c: loops.ridge_loss(unit(z) / 0.1**0.5, 1, 50.0, 1.0),
    "metaoptnet": metaoptnet,
    "moco": lambda m, z, c: moco(m, z, c, 0.2),
    "moco_v1": lambda m, z, c: moco(m, z, c, 0.07),
    "nca": lambda m, z, c: loops.matching_out(z, classes(c), 1.0, loops.squared_euclidean),
    "npair": lambda m, z, c: loops.n_pair(z),
    "protoclr": lambda m, z, c: loops.prototype_loss(z, 1, loops.squared_euclidean, 1.0),
    "protonet": lambda m, z, c: loops.prototype_loss(z, 1, loops.squared_euclidean, 1.0),
    "prototransfer": lambda m, z, c: loops.prototype_loss(z, 1, loops.squared_euclidean, 1.0),
    "psco": psco,
    "r2d2": lambda m, z, c: loops.ridge_loss(with_ones(unit(z)), 1, 1.0, 0.1),
    "r2d2_classes": lambda m, z, c: loops.ridge_loss(with_ones(unit(z)), 1, 1.0, 0.1),
    "relation": relation,
    "semi_normalized": semi_normalized,
    "siamese": lambda m, z, c: loops.siamese(unit(z), classes(c), 1.0),
    "simclr": lambda m, z, c: loops.supcon_out(unit(z), None, 0.2),
    "simclr_multiview": lambda m, z, c: loops.supcon_out(unit(z), None, 0.2),
    "simple_contrastive": lambda m, z, c: loops.simple_contrastive(unit(z), None),
    "simsiam": lambda m, z, c: loops.alignment_loss(predictions(m, z), z, 1.0),
    "sogclr": sogclr,
    "spectral": lambda m, z, c: loops.spectral(z, 1.0),
    "supcon": lambda m, z, c: loops.supcon_out(unit(z), classes(c), 0.1),
    "supcon_spread": supcon_spread,
    "supcon_in": lambda m, z, c: loops.matching_out(unit(z), classes(c), 0.1),
    "supcon_clusters": lambda m, z, c: loops.supcon_out(unit(z), classes(c), 0.2),
    "supervised": supervised,
    "symmetric_protoclr": symmetric_protoclr,
    "triplet": lambda m, z, c: loops.triplet(unit(z), classes(c), 0.2, "semi_hard"),
    "triplet_batch_hard": lambda m, z, c: loops.triplet_batch_hard_soft(z, classes(c)),
    "uflst": lambda m, z, c: loops.prototype_loss(z, 1, loops.squared_euclidean, 1.0),
    "uflst_triplet": lambda m, z, c: loops.triplet(z, classes(c), 1.0, "batch_hard", root=True),
    "unisiam": unisiam,
    "vicreg": lambda m, z, c: loops.vicreg(z, (25.0, 25.0, 1.0), VICREG_EPSILON),
    "wmse": lambda m, z, c: loops.wmse(z[..., :3], 1e-3),
}


@pytest.mark.parametrize("name", TRAINED)
def test_loss_is_that_of_the_loops(name: str) -> None:
    if name not in EXPECTED and (Path(__file__).parent / f"test_{name}.py").is_file():
        pytest.skip(f"{name} has a test file of its own")
    module, z, context = small(name)
    fresh = torch.randn(z.shape, dtype=z.dtype, generator=torch.Generator().manual_seed(8))  # not what queues hold
    # A temperature that is learned starts from a float32 number.
    rel = 1e-6 if getattr(module, "log_scale", None) is not None else 1e-9
    assert len(z[0]) == WAYS
    assert module(fresh, context).item() == pytest.approx(EXPECTED[name](module, fresh[0], context), rel=rel, abs=1e-9)
