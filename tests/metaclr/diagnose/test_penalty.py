"""The measured penalty of negatives: Boltzmann for InfoNCE, flat for the simple loss, truncated for the hard one."""

from __future__ import annotations

import pytest
import torch
import torch.nn.functional as F

import metaclr
from metaclr.diagnose.penalty import JITTER, relative_penalty
from metaclr.errors import UserError


def draw(images: int = 12, dim: int = 6) -> torch.Tensor:
    source = torch.Generator().manual_seed(0)
    anchors = torch.randn(images, 1, dim, dtype=torch.float64, generator=source)
    return anchors + 0.3 * torch.randn(images, 2, dim, dtype=torch.float64, generator=source)


@pytest.mark.parametrize("temperature", [0.07, 0.3, 1.0])
def test_simclr_has_the_boltzmann_form(temperature: float) -> None:
    found = relative_penalty(metaclr.objective("simclr", temperature=temperature), draw(), temperature)
    torch.testing.assert_close(found.measured, found.boltzmann, rtol=1e-6, atol=1e-9)
    assert len(found.cosine) == 24 * 22
    assert float(found.measured.view(24, 22).mean(1).sub(1).abs().max()) < 1e-9
    # Hardness-awareness: the most similar negative of an anchor is pushed more than its mean, the more the colder.
    hardest = found.measured.view(24, 22).gather(1, found.cosine.view(24, 22).argmax(1, keepdim=True))
    assert float(hardest.min()) > 1


def test_it_is_the_derivative_with_respect_to_a_similarity() -> None:
    views = draw(4)
    unit = F.normalize(views.flatten(0, 1), dim=1)
    gram = ((1 - JITTER) * (unit @ unit.T) + JITTER * torch.eye(8, dtype=torch.float64)).requires_grad_()
    masked = (gram / 0.2).masked_fill(torch.eye(8, dtype=torch.bool), -torch.inf)
    partner = torch.arange(8).view(4, 2).flip(1).flatten()
    loss = (masked.logsumexp(1) - gram[torch.arange(8), partner] / 0.2).mean()
    (by_entry,) = torch.autograd.grad(loss, gram)
    image = torch.arange(8) // 2
    negative = image.unsqueeze(1) != image
    both = (by_entry + by_entry.T) * negative
    expected = (both * 6 / both.sum(1, keepdim=True))[negative]
    found = relative_penalty(metaclr.objective("simclr", temperature=0.2), views, 0.2)
    torch.testing.assert_close(found.measured, expected, rtol=1e-8, atol=1e-10)


def test_the_simple_loss_treats_negatives_alike_and_the_hard_one_leaves_most_out() -> None:
    simple = relative_penalty(metaclr.objective("simple_contrastive"), draw(), 0.3)
    torch.testing.assert_close(simple.measured, torch.ones_like(simple.measured), rtol=1e-6, atol=1e-6)
    hard = relative_penalty(metaclr.objective("hard_contrastive", temperature=0.3), draw(), 0.3)
    left_out = hard.measured.abs() < 1e-6
    assert 0.7 < float(left_out.double().mean()) < 0.95
    assert float(hard.cosine[~left_out].mean()) > float(hard.cosine[left_out].mean())


def test_one_view_is_refused() -> None:
    with pytest.raises(UserError, match="penalty"):
        relative_penalty(lambda z: z.sum(), torch.ones(4, 1, 3), 0.1)
