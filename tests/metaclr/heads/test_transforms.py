"""Feature transforms by their formulas."""

from __future__ import annotations

import pytest
import torch

from metaclr.errors import UserError
from metaclr.heads import TRANSFORMS, SourceFeatures, get_transform

made = torch.Generator().manual_seed(0)
FEATURES = torch.randn(50, 6, dtype=torch.float64, generator=made) + 1
MIX = torch.randn(6, 6, dtype=torch.float64, generator=made)
SOURCE = SourceFeatures(torch.randn(400, 6, dtype=torch.float64, generator=made) @ MIX + 2)


def test_formulas() -> None:
    def apply(name: str) -> torch.Tensor:
        return get_transform(name)(FEATURES, SOURCE)

    def unit(rows: torch.Tensor) -> torch.Tensor:
        return rows / rows.norm(dim=1, keepdim=True)

    assert torch.equal(apply("none"), FEATURES)
    torch.testing.assert_close(apply("l2"), unit(FEATURES))
    torch.testing.assert_close(apply("cl2n"), unit(FEATURES - SOURCE.features.mean(0)))
    torch.testing.assert_close(apply("tukey"), FEATURES.sign() * FEATURES.abs().sqrt())
    torch.testing.assert_close(apply("power"), unit(apply("tukey")), atol=1e-2, rtol=0)  # it adds 1e-6 under the root


def test_whitening_makes_the_source_white() -> None:
    centered = SOURCE.features - SOURCE.mean
    white = centered @ SOURCE.inverse_root_covariance
    covariance = white.T @ white / len(white)
    # A thousandth of the mean eigenvalue is added, which only the smallest one feels.
    values = torch.linalg.eigvalsh(covariance)
    assert values.max() < 1
    assert values.sort().values[1:].min() > 0.98
    torch.testing.assert_close(
        get_transform("whitened")(SOURCE.features, SOURCE), white / white.norm(dim=1, keepdim=True)
    )


@pytest.mark.parametrize("name", [name for name, transform in TRANSFORMS.items() if transform.needs_source])
def test_without_a_source(name: str) -> None:
    with pytest.raises(UserError, match=f"transform '{name}' needs the images that the encoder was trained on"):
        get_transform(name)(FEATURES)


def test_unknown() -> None:
    with pytest.raises(UserError, match="did you mean 'cl2n'"):
        get_transform("cln")
