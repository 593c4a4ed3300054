"""Arrays as other libraries write them: keys, orders of axes, labels; and files of other formats by their path."""

from __future__ import annotations

import json
import pickle
from collections import Counter, OrderedDict
from io import BytesIO
from pathlib import Path
from typing import Any

import numpy as np
import pytest
import torch
from PIL import Image
from scipy.io import savemat

from episodes import StoredImages
from metaclr.data import cache, load
from metaclr.errors import UserError

IMAGES = np.random.default_rng(0).integers(0, 256, (12, 8, 8, 3), dtype=np.uint8)
LABELS = np.arange(12) % 4
PLAIN = torch.from_numpy(IMAGES).permute(0, 3, 1, 2)


def npz(folder: Path, **arrays: Any) -> str:
    np.savez(folder / "set.npz", **arrays)
    return str(folder / "set.npz")


def test_orders_of_axes(tmp_path: Path) -> None:
    for images, note in (
        (IMAGES.transpose(0, 3, 1, 2), "(M, C, H, W)"),
        (IMAGES.transpose(1, 2, 3, 0), "(H, W, C, M)"),
    ):
        found = load(npz(tmp_path, images=images, labels=LABELS))
        assert torch.equal(found.images, PLAIN)
        assert any(note in n for n in found.notes)
    gray = load(npz(tmp_path, images=IMAGES[..., :1].transpose(0, 3, 1, 2), labels=LABELS))
    assert torch.equal(gray.images, PLAIN[:, :1])


def test_transparency_is_laid_on_white(tmp_path: Path) -> None:
    alpha = np.random.default_rng(1).integers(0, 256, (12, 8, 8, 1), dtype=np.uint8)
    rgba = np.concatenate([IMAGES, alpha], 3)
    found = load(npz(tmp_path, images=rgba, labels=LABELS))
    for pixels, expected in zip(found.images, rgba, strict=True):
        ground = Image.new("RGBA", (8, 8), "white")
        ground.alpha_composite(Image.fromarray(expected))
        assert np.abs(pixels.permute(1, 2, 0).numpy().astype(int) - np.asarray(ground)[..., :3]).max() <= 1


@pytest.mark.parametrize("shape", [(12, 3, 3, 3), (12, 4, 4, 4), (12, 1, 9, 1), (12, 3, 9, 1)])
def test_orders_that_may_be_two_are_refused(tmp_path: Path, shape: tuple[int, ...]) -> None:
    with pytest.raises(UserError, match=r"may be \(M, H, W, C\) or \(M, C, H, W\)"):
        load(npz(tmp_path, images=np.zeros(shape, np.uint8), labels=LABELS))


@pytest.mark.parametrize(
    ("labels", "names", "ids", "said"),
    [
        (LABELS[:, None], (), LABELS, ""),
        (LABELS + 1, ("1", "2", "3", "4"), LABELS, "start at 1"),
        (LABELS * 1000, ("0", "1000", "2000", "3000"), LABELS, "have gaps (0, 1000, 2000, 3000)"),
        (LABELS * 2 + 3, ("3", "5", "7", "9"), LABELS, "have gaps"),
        (np.array(["d", "a", "c", "b"])[LABELS], ("a", "b", "c", "d"), [3, 0, 2, 1] * 3, ""),
        (np.array([b"x", b"y", b"z", b"w"])[LABELS], ("w", "x", "y", "z"), [1, 2, 3, 0] * 3, ""),
        ((LABELS > 1), ("False", "True"), (LABELS > 1).astype(int), ""),
        (LABELS.astype(np.uint8), (), LABELS, ""),
    ],
)
def test_labels_of_any_kind(tmp_path: Path, labels: Any, names: tuple[str, ...], ids: Any, said: str) -> None:
    found = load(npz(tmp_path, images=IMAGES, labels=labels))
    assert found.class_names == names
    assert found.required_labels().tolist() == list(ids)
    assert any(said in note for note in found.notes)


def test_class_names_of_renumbered_labels(tmp_path: Path) -> None:
    names = np.array(["a", "b", "c", "d"])
    assert load(npz(tmp_path, images=IMAGES, labels=LABELS + 1, class_names=names)).class_names == tuple("abcd")
    more = np.array(["zero", "a", "b", "c", "d", "e"])
    groups = np.array(["g0", "g1", "g1", "g2", "g2", "g3"])
    found = load(npz(tmp_path, images=IMAGES, labels=LABELS + 1, class_names=more, groups=groups))
    assert (found.class_names, found.groups) == (tuple("abcd"), ("g1", "g1", "g2", "g2"))
    assert any("2 of 6 classes have no image and are left out: zero, e" in note for note in found.notes)


@pytest.mark.parametrize(
    "keys", ["{}_images {}_labels", "x_{} y_{}", "X_{} y_{}", "images_{} targets_{}", "{}X {}Y", "{}_data {}_label"]
)
def test_parts_by_their_keys(tmp_path: Path, keys: str) -> None:
    arrays: dict[str, Any] = {}
    for part, rows in (("train", slice(0, 8)), ("test", slice(8, 12))):
        image_key, label_key = keys.replace("{}", part).split()
        arrays |= {image_key: IMAGES[rows], label_key: LABELS[rows, None] + 1}
    found = load(npz(tmp_path, **arrays))
    assert torch.equal(found.images, PLAIN)
    assert found.required_labels().tolist() == LABELS.tolist()
    assert Counter(found.split) == {"train": 8, "test": 4}
    assert len(load(f"{tmp_path / 'set.npz'}:eval")) == 4


@pytest.mark.parametrize("spelled", [("Train", "VALID", "Testing"), ("trn", "dev", "eval")])
def test_the_split_of_a_file_in_any_spelling(tmp_path: Path, spelled: tuple[str, ...]) -> None:
    found = load(npz(tmp_path, images=IMAGES, labels=LABELS, split=np.repeat(spelled, 4)))
    assert found.split == ("train",) * 4 + ("val",) * 4 + ("test",) * 4
    with pytest.raises(UserError, match=r"split: unknown part 'fold1'.*train, val, test"):
        load(npz(tmp_path, images=IMAGES, labels=LABELS, split=np.repeat(("fold1", "fold2"), 6)))


@pytest.mark.parametrize(
    ("arrays", "said"),
    [
        ({"images": IMAGES / 255.0, "labels": LABELS}, r"float pixels.*pixel_range = 0,1"),
        ({"images": IMAGES.astype(np.uint16) * 16, "labels": LABELS}, r"uint16.*pixel_range = 0,4080"),
        ({"images": IMAGES > 9, "labels": LABELS}, "bool"),
        ({"images": IMAGES, "labels": np.eye(4)[LABELS]}, r"one-hot.*argmax"),
        ({"images": IMAGES, "labels": np.ones((12, 5), int)}, "one label an image"),
        ({"images": IMAGES.reshape(12, -1), "labels": LABELS}, "reshape"),
        ({"images": IMAGES[:, None], "labels": LABELS}, "videos"),
        ({"images": np.zeros((12, 8, 8, 5), np.uint8), "labels": LABELS}, "C = 1, 3 or 4"),
        ({"photos": IMAGES}, "has no array 'images'.*it has photos"),
        ({"x": IMAGES, "data": IMAGES}, "may all be the images"),
        ({"images": IMAGES, "labels": LABELS, "x_train": IMAGES}, "may both be the images"),
        ({"x_train": IMAGES, "y_train": LABELS, "x_test": IMAGES[:, :4], "y_test": LABELS}, "differ in size"),
    ],
)
def test_what_stays_refused_says_how_to_mend_it(tmp_path: Path, arrays: dict[str, Any], said: str) -> None:
    with pytest.raises(UserError, match=said) as caught:
        load(npz(tmp_path, **arrays))
    assert "\n" not in str(caught.value)


def test_a_pixel_range_opens_other_types(tmp_path: Path) -> None:
    for images, span in ((IMAGES / 255.0, (0, 1)), (IMAGES.astype(np.uint16) * 16, (0, 4080))):
        assert torch.equal(load(npz(tmp_path, images=images, labels=LABELS), pixel_range=span).images, PLAIN)


def test_large_arrays_in_another_order(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(cache, "LARGE", 1000)
    path = npz(tmp_path, images=IMAGES.transpose(0, 3, 1, 2), labels=LABELS)
    assert torch.equal(load(path, cache=tmp_path / "cache").images[:], PLAIN)
    assert isinstance(load(npz(tmp_path, images=IMAGES), cache=tmp_path / "cache").images, StoredImages)


def test_minis_cache(tmp_path: Path) -> None:
    held = {"image_data": IMAGES, "class_dict": OrderedDict((f"n{c}", np.flatnonzero(c == LABELS)) for c in range(4))}
    for protocol in (2, 4):
        (tmp_path / "mini-imagenet-cache-train.pkl").write_bytes(pickle.dumps(held, protocol=protocol))
        found = load(str(tmp_path / "mini-imagenet-cache-train.pkl"))
        assert (found.class_names, found.required_labels().tolist()) == (("n0", "n1", "n2", "n3"), LABELS.tolist())
        assert torch.equal(found.images, PLAIN)


@pytest.mark.parametrize(
    "held",
    [
        {"data": IMAGES, "labels": LABELS.tolist()},
        {b"data": IMAGES, b"labels": LABELS.tolist(), b"label_names": [b"a", b"b", b"c", b"d"]},
        (IMAGES, LABELS),
        {"images": IMAGES, "labels": LABELS[:, None]},
        {f"c{c}": IMAGES[c == LABELS] for c in range(4)},
    ],
)
def test_pickles_of_other_shapes(tmp_path: Path, held: Any) -> None:
    (tmp_path / "set.pickle").write_bytes(pickle.dumps(held))
    found = load(str(tmp_path / "set.pickle"))
    assert found.class_counts().tolist() == [3, 3, 3, 3]
    order = torch.argsort(found.required_labels(), stable=True)
    assert torch.equal(found.images[order], PLAIN[torch.argsort(torch.from_numpy(LABELS), stable=True)])


class Evil:
    def __init__(self, call: Any, *arguments: Any) -> None:
        self.call, self.arguments = call, arguments

    def __reduce__(self) -> Any:
        return self.call, self.arguments


def test_a_pickle_runs_nothing(tmp_path: Path) -> None:
    mark = tmp_path / "ran"
    calls = [Evil(Path.touch, mark), Evil(eval, f"open({str(mark)!r}, 'w')"), Evil(exec, f"open({str(mark)!r}, 'w')"),
             Evil(getattr, "abc", "upper"), Evil(np.save, str(mark), 1)]  # fmt: skip
    for evil in calls:
        for held in (evil, {"data": IMAGES, "labels": evil}, [evil, IMAGES]):
            (tmp_path / "set.pkl").write_bytes(pickle.dumps(held))
            with pytest.raises(UserError, match="only arrays, lists and dictionaries") as caught:
                load(str(tmp_path / "set.pkl"))
            assert "\n" not in str(caught.value)
    codec = b"\x80\x02c_codecs\nencode\nX\x03\x00\x00\x00abcX\x06\x00\x00\x00base64\x86R."
    (tmp_path / "set.pkl").write_bytes(codec)
    with pytest.raises(UserError, match="only arrays"):
        load(str(tmp_path / "set.pkl"))
    assert not list(tmp_path.glob("ran*"))


@pytest.mark.parametrize("content", [b"", b"no pickle", pickle.dumps({"data": IMAGES})[:200], pickle.dumps(3)])
def test_damaged_pickles(tmp_path: Path, content: bytes) -> None:
    (tmp_path / "set.pkl").write_bytes(content)
    with pytest.raises(UserError, match=r"set\.pkl") as caught:
        load(str(tmp_path / "set.pkl"))
    assert "\n" not in str(caught.value)


def test_cifars_batches_as_a_folder(tmp_path: Path) -> None:
    data = np.random.default_rng(2).integers(0, 256, (6, 4, 3072), dtype=np.uint8)
    names = [*(f"data_batch_{i}" for i in range(1, 6)), "test_batch"]
    for name, pixels in zip(names, data, strict=True):
        held = {b"data": pixels, b"labels": [0, 1, 2, 3], b"filenames": [f"{name}-{i}".encode() for i in range(4)]}
        (tmp_path / name).write_bytes(pickle.dumps(held, protocol=2))
    (tmp_path / "batches.meta").write_bytes(pickle.dumps({b"label_names": [b"ape", b"bee", b"cat", b"dog"]}))
    (tmp_path / "readme.html").write_text("x")
    found = load(str(tmp_path))
    assert Counter(found.split) == {"train": 20, "test": 4}
    assert found.class_names == ("ape", "bee", "cat", "dog")
    assert torch.equal(load(f"{tmp_path}:test").images, torch.from_numpy(data[5]).reshape(4, 3, 32, 32))
    assert found.files[0] == "data_batch_1-0"


@pytest.mark.parametrize("transposed", [False, True])
def test_svhn(tmp_path: Path, transposed: bool) -> None:
    y = np.array([10, 1, 2, 3, 4, 5, 6, 7, 8, 9, 10, 1], np.uint8)
    for part, rows in (("train", slice(0, 12)), ("test", slice(2, 12))):
        labels = y[rows][None] if transposed else y[rows][:, None]
        savemat(tmp_path / f"{part}_32x32.mat", {"X": IMAGES[rows].transpose(1, 2, 3, 0), "y": labels})
    found = load(str(tmp_path / "train_32x32.mat"))
    assert torch.equal(found.images, PLAIN)
    assert found.required_labels().tolist() == [0, 1, 2, 3, 4, 5, 6, 7, 8, 9, 0, 1]
    assert Counter(load(str(tmp_path)).split) == {"train": 12, "test": 10}


@pytest.mark.parametrize(
    ("images", "labels"),
    [
        ("images.npy", "labels.npy"),
        ("x_train.npy", "y_train.npy"),
        ("a.npy", "a_labels.csv"),
        ("data.npy", "targets.txt"),
    ],
)
def test_npy_beside_its_labels(tmp_path: Path, images: str, labels: str) -> None:
    np.save(tmp_path / images, IMAGES)
    if labels.endswith(".npy"):
        np.save(tmp_path / labels, LABELS)
    else:
        (tmp_path / labels).write_text("label\n" + "\n".join("wxyz"[c] for c in LABELS))
    found = load(str(tmp_path / images))
    assert found.required_labels().tolist() == LABELS.tolist()
    (tmp_path / labels).unlink()
    assert load(str(tmp_path / images)).labels is None


def test_tensors(tmp_path: Path) -> None:
    torch.save((torch.from_numpy(IMAGES[..., 0]), torch.from_numpy(LABELS)), tmp_path / "training.pt")
    assert torch.equal(load(str(tmp_path / "training.pt")).images, PLAIN[:, :1])
    torch.save(torch.nn.Linear(2, 2), tmp_path / "module.pt")
    with pytest.raises(UserError, match="loads only tensors"):
        load(str(tmp_path / "module.pt"))


def encoded(pixels: np.ndarray) -> bytes:
    data = BytesIO()
    Image.fromarray(pixels).save(data, "PNG")
    return data.getvalue()


def test_parquet_of_the_hub(tmp_path: Path) -> None:
    pa = pytest.importorskip("pyarrow")
    import pyarrow.parquet as pq

    names = ["ape", "bee", "cat", "dog"]
    features = {"image": {"_type": "Image"}, "label": {"names": names, "_type": "ClassLabel"}}
    for part, rows in (
        ("train-00000-of-00002", range(5)),
        ("train-00001-of-00002", range(5, 8)),
        ("test-0", range(8, 12)),
    ):
        cells = [{"bytes": encoded(IMAGES[i]), "path": f"{i}.png"} for i in rows]
        table = pa.table({"image": cells, "label": [int(LABELS[i]) for i in rows]})
        table = table.replace_schema_metadata({"huggingface": json.dumps({"info": {"features": features}})})
        (tmp_path / "data").mkdir(exist_ok=True)
        pq.write_table(table, tmp_path / "data" / f"{part}.parquet")
    (tmp_path / "README.md").write_text("x")
    found = load(str(tmp_path), size=8)
    assert found.class_names == tuple(names)
    assert Counter(found.split) == {"train": 8, "test": 4}
    order = [int(file.removesuffix(".png")) for file in found.files]
    assert torch.equal(found.images, PLAIN[order])
    assert found.required_labels().tolist() == LABELS[order].tolist()
    alone = load(str(tmp_path / "data" / "test-0.parquet"), size=8)
    assert alone.class_names == tuple(names)
    (tmp_path / "cut.parquet").write_bytes(b"PAR1")
    with pytest.raises(UserError, match=r"cut\.parquet: not a readable"):
        load(str(tmp_path / "cut.parquet"))


def test_a_folder_of_npz_files(tmp_path: Path) -> None:
    for part, rows in (("train", slice(0, 8)), ("validation", slice(8, 12))):
        np.savez(tmp_path / f"{part}.npz", images=IMAGES[rows], labels=LABELS[rows])
    assert Counter(load(str(tmp_path)).split) == {"train": 8, "val": 4}
    np.savez(tmp_path / "more.npz", images=IMAGES, labels=LABELS)
    with pytest.raises(UserError, match=r"more\.npz: of which part"):
        load(str(tmp_path))


@pytest.mark.parametrize(
    ("name", "said"),
    [("set.zip", "unpack it"), ("set.h5", "numpy.savez"), ("set.xyz", "convert it"), ("set.tfrecord", "class folders")],
)
def test_other_files_say_what_to_do(tmp_path: Path, name: str, said: str) -> None:
    (tmp_path / name).write_bytes(b"x")
    with pytest.raises(UserError, match=f"is a file; metaclr reads folders of images and .npz, .*{said}"):
        load(str(tmp_path / name))


def test_arrays_that_are_not_read_are_named(tmp_path: Path) -> None:
    found = load(npz(tmp_path, images=IMAGES, labels=LABELS, drawer=LABELS, number=np.arange(len(LABELS))))
    assert "arrays: number are not read" in found.notes
    assert found.attributes == {"drawer": tuple(map(str, LABELS.tolist()))}
    for unread in ({"species": LABELS}, {"labels": LABELS, "is_train": LABELS > 1}):
        found = load(npz(tmp_path, images=IMAGES, **unread))
        assert any(note.startswith("warning: arrays ") for note in found.notes)
    parts = np.array(["train"] * 8 + ["test"] * 4)
    for key in ("subset", "Partition", "set"):
        assert Counter(load(npz(tmp_path, images=IMAGES, labels=LABELS, **{key: parts})).split) == {
            "train": 8,
            "test": 4,
        }


@pytest.mark.parametrize(
    ("labels", "message"),
    [
        (np.array(3), "labels is one value"),
        (np.array(["a", "", "b", "c"] * 3), "3 images have an empty label"),
        (np.array([None] * 12, dtype=object), r"save strings as labels\.astype\(str\)"),
    ],
)
def test_labels_that_are_none(tmp_path: Path, labels: Any, message: str) -> None:
    with pytest.raises(UserError, match=message):
        load(npz(tmp_path, images=IMAGES, labels=labels))


def test_a_pickle_of_arrays_of_different_shapes_is_one_line(tmp_path: Path) -> None:
    path = tmp_path / "set.pkl"
    path.write_bytes(pickle.dumps(((IMAGES, LABELS), (IMAGES[:6], LABELS[:6]))))
    with pytest.raises(UserError, match="holds arrays of different shapes where one array is needed"):
        load(str(path))


def test_a_folder_with_a_colon_in_its_name(tmp_path: Path) -> None:
    (tmp_path / "set:v2").mkdir()
    assert torch.equal(load(npz(tmp_path / "set:v2", images=IMAGES, labels=LABELS)).images, PLAIN)
    assert len(load(str(tmp_path / "set:v2"))) == 12


def test_strings_of_matlab_and_files_of_other_formats(tmp_path: Path) -> None:
    names = np.array(["owl", "wren", "jay", "tit"], dtype=object)
    savemat(tmp_path / "set.mat", {"images": IMAGES, "labels": names[LABELS]})
    assert load(str(tmp_path / "set.mat")).class_names == ("jay", "owl", "tit", "wren")
    (tmp_path / "train-images-idx3-ubyte").write_bytes(bytes(16))
    with pytest.raises(UserError, match=r"train-images-idx3-ubyte: is a file; metaclr reads"):
        load(str(tmp_path / "train-images-idx3-ubyte"))
