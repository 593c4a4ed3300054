"""A checkpoint is complete or absent; a damaged one is refused in one line."""

from __future__ import annotations

import errno
import os
import subprocess
import sys
from pathlib import Path

import pytest
import torch
from torch import nn

from metaclr.engine import checkpoint
from metaclr.errors import UserError


def content(number: float, size: int = 4) -> dict[str, object]:
    return {
        "step": int(number),
        "views": 0,
        "settings": {"lr": 0.1},
        "learner": {"w": torch.full((size,), float(number))},
        "optimizer": {},
        "window": {},
        "curve": [],
    }


def test_round_trip(tmp_path: Path) -> None:
    assert checkpoint.load(tmp_path) is None
    assert checkpoint.load(None) is None
    checkpoint.save(tmp_path / "new", content(1))
    checkpoint.save(tmp_path / "new", content(2))
    loaded = checkpoint.load(tmp_path / "new")
    assert loaded is not None
    assert loaded.step == 2
    assert torch.equal(loaded.learner["w"], torch.full((4,), 2.0))
    assert [p.name for p in (tmp_path / "new").iterdir()] == [checkpoint.NAME]


@pytest.mark.parametrize("length", [0, 1, 100, -1])
def test_truncated_is_one_line(tmp_path: Path, length: int) -> None:
    path = checkpoint.save(tmp_path, content(1))
    path.write_bytes(path.read_bytes()[:length])
    with pytest.raises(UserError, match="is damaged"):
        checkpoint.load(tmp_path)


def test_one_flipped_bit_is_found(tmp_path: Path) -> None:
    path = checkpoint.save(tmp_path, content(1, size=1000))
    data = bytearray(path.read_bytes())
    data[data.index(torch.ones(8).numpy().tobytes()) + 17] ^= 1
    path.write_bytes(data)
    with pytest.raises(UserError, match=r"damaged.*checksum") as error:
        checkpoint.load(tmp_path)
    assert "\n" not in str(error.value)
    assert str(path) in str(error.value)


def test_code_in_a_checkpoint_is_not_run(tmp_path: Path) -> None:
    class Evil:
        def __reduce__(self) -> tuple[object, tuple[str]]:
            return os.system, (f"touch {tmp_path / 'ran'}",)

    torch.save({"format": 1, "x": Evil()}, tmp_path / checkpoint.NAME)
    with pytest.raises(UserError):
        checkpoint.load(tmp_path)
    assert not (tmp_path / "ran").exists()


def test_another_format_is_refused(tmp_path: Path) -> None:
    torch.save({"format": 99}, tmp_path / checkpoint.NAME)
    with pytest.raises(UserError, match="format 99"):
        checkpoint.load(tmp_path)


def test_disk_full_keeps_the_old_one(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    checkpoint.save(tmp_path, content(1))

    def full(_handle: int) -> None:
        raise OSError(errno.ENOSPC, os.strerror(errno.ENOSPC))

    monkeypatch.setattr("os.fsync", full)
    with pytest.raises(UserError, match="No space left on device; the previous one is unchanged"):
        checkpoint.save(tmp_path, content(2))
    monkeypatch.undo()
    loaded = checkpoint.load(tmp_path)
    assert loaded is not None
    assert loaded.step == 1
    assert [p.name for p in tmp_path.iterdir()] == [checkpoint.NAME]


SAVE_UNDER_LIMIT = """
import resource, sys
from pathlib import Path
import torch
from metaclr.engine import checkpoint
from metaclr.errors import UserError
resource.setrlimit(resource.RLIMIT_FSIZE, (20_000, 20_000))
folder = Path(sys.argv[1])
try:
    checkpoint.save(folder, {"learner": {"w": torch.full((100_000,), 2.0)}, "step": 2})
except UserError as error:
    (folder / "message").write_text(str(error))
"""


@pytest.mark.skipif(os.name != "posix", reason="needs setrlimit")
def test_a_write_that_really_fails_half_way(tmp_path: Path) -> None:
    """The system itself refuses after 20 kB, in a process of its own (not a fork: torch has threads by now)."""
    checkpoint.save(tmp_path, content(1))
    root = Path(__file__).parents[3]
    command = [sys.executable, "-c", SAVE_UNDER_LIMIT, str(tmp_path)]
    child = subprocess.run(command, cwd=root, capture_output=True, text=True, timeout=120, check=False)
    assert child.returncode == 0, child.stderr
    assert "cannot be written" in (message := (tmp_path / "message").read_text())
    assert "\n" not in message
    loaded = checkpoint.load(tmp_path)
    assert loaded is not None
    assert loaded.step == 1
    assert not (tmp_path / f"{checkpoint.NAME}.new").exists()


FIELDS = ("step", "views", "settings", "learner", "optimizer", "window", "curve")


@pytest.mark.parametrize("field", FIELDS)
@pytest.mark.parametrize("value", ["text", -1, None, 1 << 62, [{"a": "b"}], {"a": {"b": []}}, torch.zeros(2)])
def test_a_field_of_another_type_names_file_and_field(tmp_path: Path, field: str, value: object) -> None:
    """Every field replaced by values that a stranger's file may hold; those of the right type load."""
    checkpoint.save(tmp_path, {**content(1), field: value})
    fits_a_count = field in {"step", "views"} and isinstance(value, int) and value > 0
    fits_a_dict = field in {"learner", "optimizer", "window"} and isinstance(value, dict)
    if fits_a_count or fits_a_dict:
        assert checkpoint.load(tmp_path) is not None
        return
    with pytest.raises(UserError, match=f"damaged .{field}") as error:
        checkpoint.load(tmp_path)
    assert str(tmp_path / checkpoint.NAME) in str(error.value)
    assert "\n" not in str(error.value)


@pytest.mark.parametrize("field", FIELDS)
def test_a_missing_field_is_named(tmp_path: Path, field: str) -> None:
    checkpoint.save(tmp_path, {k: v for k, v in content(1).items() if k != field})
    with pytest.raises(UserError, match=f"damaged .{field}: field required"):
        checkpoint.load(tmp_path)


@pytest.mark.parametrize("stored", [[1, 2], torch.zeros(3), "text", {}])
def test_a_file_that_is_not_ours_is_one_line(tmp_path: Path, stored: object) -> None:
    torch.save(stored, tmp_path / checkpoint.NAME)
    with pytest.raises(UserError) as error:
        checkpoint.load(tmp_path)
    assert "\n" not in str(error.value)


@pytest.mark.skipif(os.geteuid() == 0, reason="root may write anywhere")
def test_read_only_folder_is_one_line(tmp_path: Path) -> None:
    tmp_path.chmod(0o500)
    with pytest.raises(UserError, match="Permission denied"):
        checkpoint.save(tmp_path, content(1))


def test_another_network_names_the_parameter(tmp_path: Path) -> None:
    small, wide = nn.Linear(2, 2), nn.Linear(2, 3)
    with pytest.raises(UserError, match=r"weight is \(2, 2\) there, \(3, 2\) here"):
        checkpoint.check_fits(tmp_path, wide, small.state_dict())
    with pytest.raises(UserError, match="bias is missing there"):
        checkpoint.check_fits(tmp_path, small, nn.Linear(2, 2, bias=False).state_dict())
    checkpoint.check_fits(tmp_path, small, small.state_dict())


def test_other_settings_name_the_key(tmp_path: Path) -> None:
    with pytest.raises(UserError, match=r"lr = 0.1, now it is 0.2"):
        checkpoint.check_same(tmp_path, {"lr": 0.1, "steps": 3}, {"lr": 0.2, "steps": 3})
