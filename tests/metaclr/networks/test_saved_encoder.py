"""A saved encoder: the same features after loading, and one line for every file that is damaged or not ours."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

import pytest
import torch
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st
from safetensors.torch import save_file

from metaclr.errors import UserError
from metaclr.networks import build_encoder
from metaclr.networks.saved_encoder import NAME, EncoderDescription, load_encoder, save_encoder

DESCRIPTION = EncoderDescription(name="conv4", options={"width": 4}, channels=1, size=16)


def saved(folder: Path, dtype: torch.dtype = torch.float32) -> Any:
    encoder = build_encoder("conv4", 1, 16, seed=5, width=4).to(dtype)
    encoder(torch.rand(8, 1, 16, 16, dtype=dtype))  # running statistics that differ from the initial ones
    save_encoder(encoder, DESCRIPTION, folder)
    return encoder.eval()


@pytest.mark.parametrize("dtype", [torch.float32, torch.float64])
def test_a_loaded_encoder_has_the_same_features(tmp_path: Path, dtype: torch.dtype) -> None:
    before = saved(tmp_path, dtype)
    after = load_encoder(tmp_path, channels=1, size=16).eval()
    pixels = torch.rand(3, 1, 16, 16, dtype=dtype)
    assert torch.equal(before(pixels), after(pixels))
    assert [path.name for path in tmp_path.iterdir()] == [NAME]


def test_an_encoder_for_other_images_names_both_sizes(tmp_path: Path) -> None:
    saved(tmp_path)
    with pytest.raises(UserError, match="--channels 1 --size 16, not 3 and 32"):
        load_encoder(tmp_path, channels=3, size=32)


GOOD = {"name": "conv4", "options": {"width": 4}, "channels": 1, "size": 16}


@pytest.mark.parametrize(
    ("text", "message"),
    [
        (None, "has no description"),
        ("", "description"),
        ("[1]", "description"),
        ("{", "description"),
        (json.dumps({**GOOD, "name": 3}), "name: "),
        (json.dumps({**GOOD, "size": -1}), "size: "),
        (json.dumps({**GOOD, "size": "x"}), "size: "),
        (json.dumps({**GOOD, "channels": None}), "channels: "),
        (json.dumps({**GOOD, "more": 1}), "more: "),
        (json.dumps({k: v for k, v in GOOD.items() if k != "name"}), "name: field required"),
        (json.dumps({**GOOD, "name": "conv5"}), "did you mean 'conv4'"),
        (json.dumps({**GOOD, "options": {"width": [4]}}), "width = [4]"),
        (json.dumps({**GOOD, "options": {"wdth": 4}}), "did you mean 'width'"),
        (json.dumps({**GOOD, "options": {"width": 8}}), "blocks.0.conv.weight is (4, 1, 3, 3)"),
        (json.dumps({**GOOD, "options": {"width": 1 << 62}}), NAME),
    ],
)
def test_a_description_that_does_not_fit_names_the_field(tmp_path: Path, text: str | None, message: str) -> None:
    encoder = saved(tmp_path)
    tensors = {name: value.contiguous() for name, value in encoder.state_dict().items()}
    save_file(tensors, tmp_path / NAME, None if text is None else {"metaclr.encoder": text})
    with pytest.raises(UserError) as error:
        load_encoder(tmp_path, channels=1, size=16)
    assert message.lower() in str(error.value).lower()
    assert str(tmp_path / NAME) in str(error.value)
    assert "\n" not in str(error.value)


@settings(max_examples=150, deadline=None, suppress_health_check=[HealthCheck.function_scoped_fixture])
@given(start=st.integers(0, 400), junk=st.binary(min_size=1, max_size=40), cut=st.integers(0, 5000))
def test_a_damaged_file_loads_or_is_one_line(tmp_path: Path, start: int, junk: bytes, cut: int) -> None:
    """Bytes of the header are overwritten and the end is cut off: never a traceback of another kind."""
    saved(tmp_path)
    path = tmp_path / NAME
    data = bytearray(path.read_bytes())
    data[start : start + len(junk)] = junk
    path.write_bytes(data[: len(data) - cut] if cut else data)
    try:
        load_encoder(tmp_path, channels=1, size=16)
    except UserError as error:
        line = str(error)
        assert str(path) in line and "\n" not in line  # noqa: PT018 - loading is allowed, too
