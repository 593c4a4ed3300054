"""What is measured is what is trained: the same weights, the same number of views, the same settings."""

import pytest
import torch

from metaclr.errors import UserError
from metaclr.measure.training import ceiling_run, engine_run
from metaclr.measure.workload import Workload

SMALL = Workload(size=16, channels=1, batch_views=8, views="gentle", projector_hidden=8, projector_dim=4)


def test_both_sides_train_the_same_number_of_views() -> None:
    assert engine_run(SMALL, SMALL.images(16))(3) == 24
    assert ceiling_run(SMALL)(3) == 24


def test_a_workload_always_has_the_same_weights_and_pixels() -> None:
    once, again = SMALL.learner(16).state_dict(), SMALL.learner(16).state_dict()
    assert all(torch.equal(once[name], again[name]) for name in once)
    assert torch.equal(SMALL.images(4).images, SMALL.images(4).images)


def test_compiling_is_what_a_long_run_of_the_device_does() -> None:
    assert SMALL.settings(1).compile == "off"
    assert Workload(compile="on").settings(1).compile == "on"
    assert Workload(device=torch.device("cuda")).settings(1).compile == "on"
    assert Workload(device=torch.device("cuda"), compile="off").settings(1).compile == "off"


@pytest.mark.parametrize("wrong", [{"batch_views": 2}, {"batch_views": 9}, {"channels": 2}, {"views": "simcrl"}])
def test_what_cannot_be_measured_is_refused(wrong: dict[str, object]) -> None:
    with pytest.raises(UserError):
        Workload(**wrong)  # type: ignore[arg-type]
