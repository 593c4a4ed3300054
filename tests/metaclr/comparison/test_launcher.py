"""How a comparison is launched does not change what it computes, and launchers that exclude each other are refused."""

import pytest

from metaclr.comparison.launching import launcher
from metaclr.comparison.launching.launcher import check_launcher
from metaclr.comparison.runs.run import Run
from metaclr.errors import UserError
from metaclr.methods import get
from metaclr.recipe import CompareRecipe, MethodEntry, resolve

RUN = Run(MethodEntry(name="simclr"), get("simclr"), "a", 0)


def digest(*overrides: str) -> str:
    return RUN.digest(resolve({}, overrides), {})


def test_a_cluster_changes_no_digest() -> None:
    assert digest("cluster.cpus=4", "cluster.gpus=0.5", "cluster.retries=0") == digest()


def test_shared_batch_statistics_are_those_of_one_process_and_others_are_not() -> None:
    assert digest("train.sync_norm=true") == digest()
    assert digest("train.sync_norm=false") != digest()


@pytest.mark.parametrize("override", ["cluster.cpus=0", "cluster.gpus=-1", "cluster.gpus=2", "cluster.retries=-1"])
def test_a_cluster_is_checked(override: str) -> None:
    with pytest.raises(UserError, match=override.partition("=")[0]):
        resolve({}, [override])
    assert CompareRecipe().cluster.gpus is None


def test_without_ray_the_error_names_the_package(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(launcher, "find_spec", lambda _: None)
    with pytest.raises(UserError, match=r"pip install 'metaclr\[ray\]'"):
        check_launcher(1, "local", "auto")
    check_launcher(4, None, "cuda:1")


def test_ray_chooses_the_gpu(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(launcher, "find_spec", lambda _: object())
    check_launcher(1, "local", "cuda")
    with pytest.raises(UserError, match="the cluster chooses the GPU"):
        check_launcher(1, "local", "cuda:1")
