"""Two gloo processes compute what one does: the same loss, gradient, parameters and curve."""

from __future__ import annotations

import socket
from pathlib import Path
from typing import TYPE_CHECKING, Any

import pytest
import torch

from metaclr.engine.distributed import gather, shared_axis
from metaclr.errors import UserError

if TYPE_CHECKING:
    from conftest import Server


CASES = pytest.mark.parametrize("case", ["ways", "tasks", "target", "tiled"])


@pytest.fixture(scope="module")
def results(server: Server, tmp_path_factory: pytest.TempPathFactory) -> tuple[Path, dict[tuple[int, int], Any]]:
    out = tmp_path_factory.mktemp("ranks")
    with socket.socket() as free:
        free.bind(("127.0.0.1", 0))
        port = free.getsockname()[1]
    server.ranks(out, port)
    assert server.end() == [0, 0, 0]
    pairs = [(1, 0), (2, 0), (2, 1)]
    return out, {(w, r): torch.load(out / f"world{w}-rank{r}.pt", weights_only=True) for w, r in pairs}


@CASES
def test_two_ranks_are_one_process(case: str, results: tuple[Path, dict[tuple[int, int], Any]]) -> None:
    all_reduce_max(case, results[1], 1e-5)


@CASES
def test_in_float64_adam_keeps_two_ranks_together(case: str, results: tuple[Path, dict[tuple[int, int], Any]]) -> None:
    """The default optimizer, 20 steps: what float32 leaves between two ranks and one process is rounding."""
    all_reduce_max(f"{case} fp64", results[1], 1e-10)
    for kept in results[1].values():
        values = [v for v in kept[f"{case} fp64"]["learner"].values() if v.is_floating_point()]
        assert {v.dtype for v in values} == {torch.float64}


def all_reduce_max(case: str, by_rank: dict[tuple[int, int], Any], bound: float) -> None:
    """Loss, gradient, trained state and curve of both ranks are those of one process."""
    alone = by_rank[1, 0][case]
    for rank in (0, 1):
        pair = by_rank[2, rank][case]
        assert alone["first"].keys() == pair["first"].keys()
        for part in ("first", "learner"):
            for name, value in alone[part].items():
                torch.testing.assert_close(pair[part][name], value, rtol=bound, atol=bound, msg=f"{part} {name}")
    assert sum(float(v.abs().sum()) for n, v in alone["first"].items() if n != "loss") > 1e-2
    first, second = by_rank[2, 0][case]["curve"], by_rank[2, 1][case]["curve"]
    drop = "views_per_second"
    for one, two, three in zip(alone["curve"], first, second, strict=True):
        for name in one.keys() - {drop}:
            assert one[name] == pytest.approx(two[name], abs=bound) == pytest.approx(three[name], abs=bound)


def test_ranks_over_tiles_are_one_process_with_the_matrix(
    results: tuple[Path, dict[tuple[int, int], Any]],
) -> None:
    _, by_rank = results
    whole, tiled = by_rank[1, 0]["ways"], by_rank[2, 1]["tiled"]
    for part in ("first", "learner"):
        for name, value in whole[part].items():
            torch.testing.assert_close(tiled[part][name], value, rtol=1e-5, atol=1e-5, msg=f"{part} {name}")


def test_one_writer(results: tuple[Path, dict[tuple[int, int], Any]]) -> None:
    out, _ = results
    for case in ("ways", "tasks", "target", "tiled"):
        assert {p.name for p in (out / "world2" / case).iterdir()} == {"checkpoint.pt", "curve.csv"}


def test_uneven_shares_are_refused() -> None:
    assert shared_axis(4, 5, 2) == 0
    assert shared_axis(1, 6, 3) == 1
    with pytest.raises(UserError, match="5 ways cannot be split evenly over 2 ranks"):
        shared_axis(1, 5, 2)


def test_alone_nothing_is_gathered() -> None:
    rows = torch.ones(2, 3)
    assert gather(rows, 0) is rows
