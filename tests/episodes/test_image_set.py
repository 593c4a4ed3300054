"""What an image set accepts, selects and fingerprints."""

from __future__ import annotations

from dataclasses import replace
from pathlib import Path
from typing import Any

import numpy as np
import pytest
import torch

from episodes import EpisodeError, ImageSet
from episodes.image_set import by_class


def make(count: int = 12, classes: int = 4, **changes: Any) -> ImageSet:
    fields: dict[str, Any] = {
        "images": torch.arange(count, dtype=torch.uint8).view(count, 1, 1, 1).expand(count, 1, 2, 3).contiguous(),
        "labels": torch.arange(count) % classes,
        "class_names": tuple("abcdefgh"[:classes]),
        "groups": tuple("xxyyzzxx"[:classes]),
        "split": tuple("train" if i < count // 2 else "test" for i in range(count)),
        "name": "toy",
    }
    return ImageSet(**{**fields, **changes})


def ids(image_set: ImageSet) -> list[int]:
    return image_set.images[:, 0, 0, 0].tolist()


def test_what_it_says_of_itself() -> None:
    toy = make()
    assert (len(toy), toy.channels, toy.size, toy.classes) == (12, 1, (2, 3), 4)
    assert toy.class_counts().tolist() == [3, 3, 3, 3]
    assert make(class_names=(), groups=()).class_name(2) == "class 2"
    assert toy.unlabelled().classes == 0


@pytest.mark.parametrize(
    ("changes", "said"),
    [
        ({"images": torch.zeros(12, 1, 2, 2)}, "uint8"),
        ({"images": torch.zeros(12, 2, 2, dtype=torch.uint8)}, r"\(M, C, H, W\)"),
        ({"images": torch.zeros(12, 4, 2, 2, dtype=torch.uint8)}, "C = 1 or 3"),
        ({"images": torch.zeros(0, 1, 2, 2, dtype=torch.uint8)}, "empty"),
        ({"labels": torch.tensor([0, 1, -1] * 4)}, "image 2 has label -1"),
        ({"labels": torch.zeros(12, dtype=torch.int32)}, "int64"),
        ({"labels": torch.zeros(11, dtype=torch.int64)}, r"\(12,\)"),
        ({"labels": torch.full((12,), 4)}, "label 4 for 4 class names"),
        ({"labels": None}, "without labels"),
        ({"groups": ("x",)}, "1 groups for 4 classes"),
        ({"split": ("train",)}, "1 split entries for 12 images"),
    ],
)
def test_malformed_sets(changes: dict[str, Any], said: str) -> None:
    with pytest.raises(EpisodeError, match=said) as caught:
        make(**changes)
    assert "\n" not in str(caught.value)
    assert str(caught.value).startswith("toy: ")


def test_select_keeps_order_and_classes() -> None:
    part = make().select([5, 0, 7])
    assert ids(part) == [5, 0, 7]
    assert part.labels is not None
    assert part.labels.tolist() == [1, 0, 3]
    assert part.classes == 4
    assert part.split == ("train", "train", "test")
    with pytest.raises(EpisodeError, match=r"0\.\.11"):
        make().select([12])


def test_a_run_of_indices_shares_memory() -> None:
    toy = make()
    assert toy.select(torch.arange(3, 9)).images.data_ptr() == toy.images[3:].data_ptr()
    assert ids(toy.select(torch.arange(3, 9))) == [3, 4, 5, 6, 7, 8]


def test_only_classes_relabels() -> None:
    for wanted in ([2, 0], ["c", "a"], torch.tensor([2, 0])):
        part = make().only_classes(wanted)
        assert part.class_names == ("c", "a")
        assert part.groups == ("y", "x")
        assert ids(part) == [0, 2, 4, 6, 8, 10]
        assert part.labels is not None
        assert part.labels.tolist() == [1, 0, 1, 0, 1, 0]
        assert part.split == ("train",) * 3 + ("test",) * 3


def test_classes_that_are_not_there() -> None:
    with pytest.raises(EpisodeError, match="did you mean 'alpha'"):
        make(class_names=("alpha", "b", "c", "d")).only_classes(["alpah"])
    with pytest.raises(EpisodeError, match=r"class 4 is not in 0\.\.3"):
        make().only_classes([4])
    with pytest.raises(EpisodeError, match="once each"):
        make().only_classes([1, 1])
    with pytest.raises(EpisodeError, match="once each"):
        make().only_classes([])
    with pytest.raises(EpisodeError, match="2 classes are called 'a'"):
        make(class_names=("a", "a", "c", "d")).only_classes(["a"])
    with pytest.raises(EpisodeError, match="needs labels"):
        make().unlabelled().class_counts()


def test_groups() -> None:
    toy = make()
    assert toy.only_groups("x").class_names == ("a", "b")
    assert toy.only_groups(["y"]).class_names == ("c", "d")
    with pytest.raises(EpisodeError, match="unknown group 'Z'"):
        toy.only_groups("Z")
    with pytest.raises(EpisodeError, match="unknown group"):
        toy.only_groups(["x", "q"])


def test_with_at_least() -> None:
    toy = make(labels=torch.tensor([0, 0, 0, 1, 2, 2, 2, 2, 3, 3, 3, 3]))
    assert toy.with_at_least(3).class_names == ("a", "c", "d")
    assert toy.with_at_least(1) is toy
    with pytest.raises(EpisodeError, match="no class has 5 images; the largest has 4"):
        toy.with_at_least(5)


def test_other_labels() -> None:
    toy = make()
    clusters = toy.with_labels(torch.arange(12) // 6)
    assert (clusters.classes, clusters.class_names, clusters.groups) == (2, (), ())
    shuffled = toy.shuffled_labels(0)
    assert shuffled.labels is not None
    assert toy.labels is not None
    assert torch.equal(shuffled.class_counts(), toy.class_counts())
    assert not torch.equal(shuffled.labels, toy.labels)
    assert torch.equal(shuffled.labels, toy.shuffled_labels(0).required_labels())
    assert not torch.equal(shuffled.labels, toy.shuffled_labels(1).required_labels())
    assert shuffled.images is toy.images


def test_fingerprint_covers_pixels_labels_and_class_names() -> None:
    toy = make()
    assert toy.labels is not None
    changed = toy.images.clone()
    changed[11, 0, 1, 2] += 1
    different = [
        toy,
        replace(toy, images=changed),
        replace(toy, images=toy.images.reshape(12, 1, 3, 2)),
        replace(toy, labels=toy.labels.flip(0)),
        replace(toy, class_names=("a", "b", "c", "e")),
        toy.unlabelled(),
    ]
    assert len({one.fingerprint() for one in different}) == len(different)
    same = [
        replace(toy, name="other"),
        replace(toy, images=toy.images.clone()),
        toy.select(torch.arange(12)),
        toy.to("cpu"),
    ]
    assert {one.fingerprint() for one in same} == {toy.fingerprint()}
    assert toy.fingerprint() == "50096316364faef776340aa5f93a378623f61ea9fe0bb7006831c3004fdaf9f7"


def test_fingerprint_does_not_depend_on_the_layout_in_memory(tmp_path: Path) -> None:
    images = torch.randint(0, 256, (700, 3, 96, 96), dtype=torch.uint8, generator=torch.Generator().manual_seed(0))
    whole = ImageSet(images).fingerprint()  # 19 MB: more than one hashed block
    assert ImageSet(images.contiguous(memory_format=torch.channels_last)).fingerprint() == whole
    images.numpy().tofile(tmp_path / "pixels")
    mapped = np.memmap(tmp_path / "pixels", dtype=np.uint8, mode="r+", shape=tuple(images.shape))
    assert ImageSet(torch.from_numpy(mapped)).fingerprint() == whole


def test_fingerprint_is_computed_once(monkeypatch: pytest.MonkeyPatch) -> None:
    toy = make()
    first = toy.fingerprint()
    monkeypatch.setattr("episodes.image_set._digest", lambda *_: pytest.fail("hashed again"))
    assert toy.fingerprint() == first
    assert toy.to("cpu").fingerprint() == first


def test_by_class() -> None:
    labels = torch.tensor([2, 0, 2, 3, 0, 2])
    order, offsets = by_class(labels, 5)
    assert offsets.tolist() == [0, 2, 2, 5, 6, 6]
    assert order.tolist() == [1, 4, 0, 2, 5, 3]
