"""easyfsl's transductive classifiers on the same features, episode by episode."""

from __future__ import annotations

import pytest
import torch
from torch import Tensor, nn

from metaclr.heads import Head
from metaclr.heads.bd_cspn import BDCSPN
from metaclr.heads.laplacian_shot import LaplacianShot
from metaclr.heads.pt_map import PTMAP
from metaclr.heads.tim import TIM
from tests.parity.agreement import INSTALL

easyfsl = pytest.importorskip("easyfsl.methods", reason=INSTALL)

EPISODES = [(5, 1, 15), (5, 5, 15), (3, 2, 4)]


def draw(way: int, shot: int, query: int) -> Tensor:
    """Clustered non-negative features (20, N, K + Q, D), as a ReLU leaves them; float32, which easyfsl works in."""
    made = torch.Generator().manual_seed(way * shot)
    centers = torch.randn(20, way, 1, 16, generator=made)
    return (centers + 0.8 * torch.randn(20, way, shot + query, 16, generator=made)).relu()


@pytest.mark.parametrize(("way", "shot", "query"), EPISODES)
@pytest.mark.parametrize(
    ("name", "head", "probabilities"),
    [
        ("BDCSPN", BDCSPN(), False),
        ("LaplacianShot", LaplacianShot(), True),
        ("TIM", TIM(lr=1e-3), False),
        ("PTMAP", PTMAP(), True),
    ],
)
def test_same_predictions(name: str, head: Head, probabilities: bool, way: int, shot: int, query: int) -> None:
    features = draw(way, shot, query)
    # Their PT-MAP transforms inside; ours is given transformed features.
    given = (features + 1e-6).sqrt() if name == "PTMAP" else features
    mine = head.fit(given[:, :, :shot]).logits(given[:, :, shot:].flatten(1, 2))
    labels, agreed = torch.arange(way).repeat_interleave(shot), 0
    for task, logits in zip(features, mine, strict=True):
        options = {"fine_tuning_lr": 1e-3} if name == "TIM" else {}
        network = getattr(easyfsl, name)(nn.Identity(), **options)
        network.process_support_set(task[:, :shot].flatten(0, 1), labels)
        theirs = network(task[:, shot:].flatten(0, 1))
        agreed += int((logits.argmax(-1) == theirs.argmax(-1)).sum())
        if probabilities:
            torch.testing.assert_close(logits.softmax(-1), theirs / theirs.sum(-1, keepdim=True), atol=5e-3, rtol=0)
        else:  # theirs are cosines; ours of TIM are scaled
            scale = 10.0 if name == "TIM" else 1.0
            torch.testing.assert_close(logits / scale, theirs, atol=2e-3, rtol=0)
    assert agreed / (20 * way * query) > 0.997  # 0.3 points: a near tie may fall either way in float32
