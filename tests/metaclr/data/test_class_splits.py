from __future__ import annotations

import json
from pathlib import Path

import pytest
import torch

from episodes import EpisodeError, ImageSet, splits
from episodes.splits import class_split, split_classes


@pytest.mark.parametrize(
    ("name", "sizes"), [("omniglot", (1028, 172, 423)), ("cifar_fs", (64, 16, 20)), ("fc100", (60, 20, 20))]
)
def test_shipped_splits_are_whole_and_disjoint(name: str, sizes: tuple[int, int, int]) -> None:
    parts = class_split(name)
    assert tuple(len(parts[part]) for part in ("train", "val", "test")) == sizes
    assert len({c for part in parts.values() for c in part}) == sum(sizes)


def test_a_changed_file_is_noticed(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    stored = json.loads((Path(splits.__file__).parent / "fc100.json").read_text())
    stored["classes"]["train"][0] = "unicorn"
    (tmp_path / "fc100.json").write_text(json.dumps(stored))
    monkeypatch.setattr(splits, "_FOLDER", tmp_path)
    with pytest.raises(EpisodeError, match="checksum"):
        class_split("fc100")
    with pytest.raises(EpisodeError, match="no class split"):
        class_split("omniglot")


def images() -> ImageSet:
    pixels = torch.arange(6, dtype=torch.uint8).reshape(6, 1, 1, 1).expand(6, 1, 4, 4).contiguous()
    return ImageSet(pixels, torch.tensor([0, 1, 2, 0, 1, 2]), ("owl", "wren", "kite"))


def test_split_by_lists() -> None:
    parts = split_classes(images(), {"train": ["kite", "owl"], "test": ["wren"]})
    assert parts["train"].class_names == ("kite", "owl")
    assert parts["train"].images[:, 0, 0, 0].tolist() == [0, 2, 3, 5]
    assert parts["test"].images[:, 0, 0, 0].tolist() == [1, 4]


def test_refused_lists() -> None:
    with pytest.raises(EpisodeError, match="is in 'train' and in 'test'"):
        split_classes(images(), {"train": ["owl", "kite"], "test": ["owl"]})
    with pytest.raises(EpisodeError, match="did you mean 'wren'"):
        split_classes(images(), {"train": ["wrenn"]})
