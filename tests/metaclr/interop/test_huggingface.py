"""Hugging Face data sets as image sets: pixels, classes and names as the library gives them."""

from __future__ import annotations

from typing import Any

import numpy as np
import pytest
from PIL import Image

from metaclr.errors import UserError
from metaclr.interop.huggingface import image_set_from_huggingface

datasets = pytest.importorskip("datasets", reason="datasets is not installed")


def pictures(count: int = 5, size: tuple[int, int] = (8, 8)) -> list[Image.Image]:
    rng = np.random.default_rng(0)
    return [Image.fromarray(rng.integers(0, 256, (*size, 3), dtype=np.uint8)) for _ in range(count)]


def dataset(labels: list[int], names: list[str] | None = None, **columns: Any) -> Any:
    features = {"img": datasets.Image(), "fine": datasets.ClassLabel(names=names or ["cat", "dog", "eel"])}
    features |= {name: datasets.Value("string") for name in columns}
    rows = {"img": pictures(len(labels)), "fine": labels, **columns}
    return datasets.Dataset.from_dict(rows, features=datasets.Features(features))


def test_pixels_labels_and_names_are_kept() -> None:
    found = image_set_from_huggingface(dataset([2, 0, 0, 2, 1]), size=8, name="pets")
    assert found.required_labels().tolist() == [2, 0, 0, 2, 1]
    assert found.class_names == ("cat", "dog", "eel")
    assert found.name == "pets"
    for index, picture in enumerate(pictures()):
        assert np.array_equal(found.images[index].numpy(), np.asarray(picture).transpose(2, 0, 1))


def test_size_and_channels() -> None:
    found = image_set_from_huggingface(dataset([0, 1, 2]), size=5, channels=1)
    assert tuple(found.images.shape) == (3, 1, 5, 5)


def test_other_columns_by_name() -> None:
    of_text = dataset([0, 1, 2, 0], kind=["b", "a", "b", "c"])
    found = image_set_from_huggingface(of_text, size=8, label="kind")
    assert found.class_names == ("a", "b", "c")
    assert found.required_labels().tolist() == [1, 0, 1, 2]
    assert image_set_from_huggingface(of_text, size=8, label=None).labels is None
    with pytest.raises(UserError, match="column 'finne'"):
        image_set_from_huggingface(of_text, size=8, label="finne")


def test_what_it_refuses() -> None:
    with pytest.raises(UserError, match=r"DatasetDict train, test; pass one split"):
        image_set_from_huggingface(datasets.DatasetDict(train=dataset([0]), test=dataset([0])), size=8)
    with pytest.raises(UserError, match="1 of 3 rows have no label"):
        image_set_from_huggingface(dataset([0, -1, 1]), size=8)
    with pytest.raises(UserError, match="no column of type Image"):
        image_set_from_huggingface(datasets.Dataset.from_dict({"text": ["a"]}), size=8)
