"""Few-shot sets by their class lists, in every layout that people have them in; files made here, lists shortened."""

import json
import pickle
from hashlib import sha256
from pathlib import Path

import numpy as np
import pytest
from PIL import Image

from episodes import splits
from metaclr.data import catalogue, load
from metaclr.data.named_sets import named_sets
from metaclr.data.published.class_lists import match_classes
from metaclr.data.sets import cross_domain, imagenet_sets, listed_sets
from metaclr.errors import UserError
from tests.metaclr.data.folder_trees import picture

RAVI = {"train": ["n01532829", "n01558993"], "val": ["n01855672"], "test": ["n01930112", "n01981276"]}
VINYALS = {"train": ["n01614925", "n01632777"], "val": ["n01664065"], "test": ["n01930112", "n01687978"]}
_SHIPPED = {name: splits.class_split(name) for name in splits.names()}
WNIDS = sorted({name for parts in (RAVI, VINYALS) for names in parts.values() for name in names})


def write_list(folder: Path, name: str, parts: dict[str, list[str]]) -> None:
    body = json.dumps(parts, sort_keys=True, separators=(",", ":"), ensure_ascii=False)
    stored = {"about": "shortened", "sha256": sha256(body.encode()).hexdigest(), "classes": parts}
    (folder / f"{name}.json").write_text(json.dumps(stored))


@pytest.fixture
def root(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    lists = tmp_path / "lists"
    lists.mkdir()
    write_list(lists, "mini_imagenet", RAVI)
    write_list(lists, "mini_imagenet_vinyals", VINYALS)
    monkeypatch.setattr(splits, "_FOLDER", lists)
    (tmp_path / "data").mkdir()
    return tmp_path / "data"


def imagenet(root: Path, count: int = 4, below: str = "") -> None:
    """A tree like ImageNet's: class folders by WordNet id, file names with numbers that are not in order."""
    for wnid in [*WNIDS, "n09999999"]:
        for number in range(count):
            picture(root / wnid / below / f"{wnid}_{10 * (count - number)}.JPEG")


@pytest.mark.parametrize("below", ["", "images"])  # as ImageNet's, as Tiny ImageNet's
def test_an_imagenet_train_folder(below: str, root: Path) -> None:
    imagenet(root / "imagenet" / "train", below=below)
    found = load("mini_imagenet", root, size=8, announce=False)
    assert found.class_names == tuple(sorted(name for names in RAVI.values() for name in names))
    assert {found.split[i] for i in range(len(found)) if "n01855672" in found.files[i]} == {"val"}
    assert len(found) == 20
    test = load("mini_imagenet:test", root, size=8, announce=False)
    assert test.class_names == ("n01930112", "n01981276")
    other = load("mini_imagenet_vinyals:train", root, size=8, announce=False)
    assert other.class_names == ("n01614925", "n01632777")


def test_a_tree_of_real_images(root: Path) -> None:
    """Tiny ImageNet's images under the ids of a shortened list, beside classes that the list does not name."""
    try:
        tiny = load("tiny_imagenet", announce=False)
    except UserError:
        pytest.skip("needs tiny_imagenet in $METACLR_DATA")
    ids = [*RAVI["train"], *RAVI["val"], *RAVI["test"], "n09999999"]
    for label, wnid in enumerate(ids):
        folder = root / "ILSVRC" / "Data" / "CLS-LOC" / "train" / wnid
        folder.mkdir(parents=True)
        for number, image in enumerate(tiny.images[:][tiny.required_labels() == label][:3]):
            Image.fromarray(image.permute(1, 2, 0).numpy()).save(folder / f"{wnid}_{number}.png")
    found = load("mini_imagenet", root, size=64, announce=False)
    assert found.class_counts().tolist() == [3] * 5
    first = tiny.images[:][tiny.required_labels() == 0][0]
    assert found.images[:][0].equal(first)  # as stored, without a change of size


@pytest.mark.parametrize(
    ("names", "numbers"),
    [
        ({0: "n0153282900000001.jpg", 1: "n0153282900000003.jpg"}, (10, 30)),  # Ravi's: the first and third by number
        ({0: "n01532829_40.JPEG", 1: "n01532829_20.JPEG"}, (20, 40)),  # ImageNet's own
    ],
)
def test_lists_choose_the_images_of_an_imagenet_folder(
    names: dict[int, str], numbers: tuple[int, int], root: Path
) -> None:
    imagenet(root / "imagenet" / "train")
    (root / "mini_imagenet").mkdir()
    rows = "".join(f"{name},n01532829\n" for name in names.values())
    others = "n0155899300000002.jpg,n01558993\n"
    (root / "mini_imagenet" / "train.csv").write_text("filename,label\n" + rows + others)
    found = load("mini_imagenet:train", root, size=8, announce=False)
    assert found.files == (*(f"n01532829/n01532829_{n}.JPEG" for n in numbers), "n01558993/n01558993_20.JPEG")
    (root / "mini_imagenet" / "train.csv").write_text("filename,label\nn0153282900000009.jpg,n01532829\n")
    with pytest.raises(UserError, match=r"train\.csv: n0153282900000009\.jpg is not below"):
        load("mini_imagenet:train", root, size=8)


def test_without_lists_the_first_images_are_taken_and_it_is_noted(root: Path) -> None:
    for number in range(603):
        name = f"n01930112_{number:04d}.JPEG"
        (root / "imagenet" / "n01930112").mkdir(parents=True, exist_ok=True)
        (root / "imagenet" / "n01930112" / name).write_bytes(b"")
    picture(root / "imagenet" / "n01981276" / "n01981276_1.JPEG")
    with pytest.raises(UserError, match="600 unreadable images"):  # as many as the set has, of 603
        load("mini_imagenet:test", root, size=8)


@pytest.mark.parametrize("home", ["mini_imagenet", "miniImageNet"])
def test_class_folders_with_parts_of_their_own(home: str, root: Path) -> None:
    for part, names in RAVI.items():
        for name in names:
            picture(root / home / part / name / "a.jpg")
    found = load("mini_imagenet:val+test", root, size=8, announce=False)
    assert found.class_names == ("n01855672", "n01930112", "n01981276")
    split = dict(zip([found.class_name(int(i)) for i in found.required_labels()], found.split, strict=True))
    assert split == {"n01855672": "val", "n01930112": "test", "n01981276": "test"}


def test_images_and_lists(root: Path) -> None:
    for part, names in RAVI.items():
        rows = ["filename,label"]
        for name in names:
            for number in (1, 2):
                picture(root / "mini_imagenet" / "images" / f"{name}0000000{number}.jpg")
                rows.append(f"{name}0000000{number}.jpg,{name}")
        (root / "mini_imagenet" / f"{part}.csv").write_text("\n".join(rows))
    found = load("mini_imagenet", root, size=8, announce=False)
    assert found.class_counts().tolist() == [2] * 5
    assert found.split.count("test") == 4


@pytest.mark.parametrize("home", ["", "mini_imagenet"])
def test_pickled_caches(home: str, root: Path) -> None:
    (root / home).mkdir(exist_ok=True)
    for part, names in RAVI.items():
        images = np.random.default_rng(0).integers(0, 256, (3 * len(names), 12, 12, 3), dtype=np.uint8)
        classes = {name: list(range(3 * i, 3 * i + 3)) for i, name in enumerate(names)}
        cache = root / home / f"mini-imagenet-cache-{part}.pkl"
        cache.write_bytes(pickle.dumps({"image_data": images, "class_dict": classes}))
    found = load("mini_imagenet", root, announce=False)
    assert found.size == (12, 12)
    assert found.class_names == ("n01532829", "n01558993", "n01855672", "n01930112", "n01981276")
    assert [found.split.count(part) for part in RAVI] == [6, 3, 6]


class Evil:
    """Unpickled, it would write a file."""

    def __init__(self, path: Path) -> None:
        self.path = path

    def __reduce__(self) -> tuple[object, ...]:
        return Path.write_text, (self.path, "ran")


def test_a_cache_that_would_run_code_is_refused(root: Path) -> None:
    (root / "mini-imagenet-cache-train.pkl").write_bytes(pickle.dumps(Evil(root / "ran")))
    with pytest.raises(UserError, match="a pickle may run any program"):
        load("mini_imagenet", root)
    assert not (root / "ran").exists()


def test_the_two_mini_imagenets_are_not_mixed(root: Path) -> None:
    for names in VINYALS.values():
        for name in names:
            picture(root / "mini_imagenet" / name / "a.jpg")
    with pytest.raises(UserError, match=r"classes of mini_imagenet_vinyals, another set: do not mix them"):
        load("mini_imagenet", root, size=8)


def test_the_shipped_lists_share_six_classes() -> None:
    first, second = ({n for names in splits.class_split(s).values() for n in names}
                     for s in ("mini_imagenet", "mini_imagenet_vinyals"))  # fmt: skip
    assert len(first & second) == 6


def test_cub_as_it_is_unpacked_and_by_its_three_rules(root: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.undo()
    names = [name for parts in splits.class_split("cub").values() for name in parts]
    for name in names:
        (root / "CUB_200_2011" / "images" / name).mkdir(parents=True)
        picture(root / "CUB_200_2011" / "images" / name / "a.jpg")
    (root / "CUB_200_2011" / "train_test_split.txt").write_text("1 0\n")
    ours = load("cub:test", root, size=8, announce=False)
    assert ours.class_names == tuple(sorted(names)[3::4])  # Chen et al.'s rule: i % 4 == 3
    feat = load("cub_feat:test", root, size=8, announce=False)
    assert len(feat.class_names) == 50
    assert feat.class_names != ours.class_names
    assert load("meta_dataset/cu_birds:test", root, size=8, announce=False).classes == 30


def test_isic_by_its_table_of_zeros_and_ones(root: Path) -> None:
    folder = root / "isic"
    for i in range(6):
        picture(folder / "ISIC2018_Task3_Training_Input" / f"ISIC_{i:07d}.jpg")
    rows = "".join(f"ISIC_{i:07d},{float(i % 3 == 0)},{float(i % 3 == 1)},{float(i % 3 == 2)}\n" for i in range(6))
    truth = folder / "ISIC2018_Task3_Training_GroundTruth" / "ISIC2018_Task3_Training_GroundTruth.csv"
    truth.parent.mkdir()
    truth.write_text("image,MEL,NV,BCC\n" + rows)
    found = load("isic", root, size=8, announce=False)
    assert found.class_names == ("BCC", "MEL", "NV")
    assert [found.class_name(int(i)) for i in found.required_labels()] == ["MEL", "NV", "BCC"] * 2


def test_chestx_takes_images_with_one_of_seven_findings(root: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.undo()
    findings = ["Mass", "Mass|Nodule", "No Finding", "Pneumonia", "Nodule", "Mass", "Edema"]
    rows = "".join(f"{i:08d}_000.png,{finding},0\n" for i, finding in enumerate(findings))
    for i in range(5):
        picture(root / "chestx" / "images" / f"{i:08d}_000.png")
    (root / "chestx" / "Data_Entry_2017.csv").write_text("Image Index,Finding Labels,Follow-up #\n" + rows)
    found = load("chestx", root, size=8, announce=False)
    assert found.class_names == ("Mass", "Nodule")
    assert len(found) == 2
    assert any("1 listed images that are not there" in note for note in found.notes)


def test_medmnist_by_name(root: Path) -> None:
    arrays = {}
    for part, count in {"train": 4, "val": 2, "test": 3}.items():
        arrays[f"{part}_images"] = np.zeros((count, 28, 28, 3), np.uint8)
        arrays[f"{part}_labels"] = np.arange(count)[:, None] % 2
    (root / "medmnist").mkdir()
    np.savez(root / "medmnist" / "bloodmnist.npz", **arrays)
    assert len(load("medmnist/bloodmnist:test", root, announce=False)) == 3
    with pytest.raises(UserError, match="metaclr data get medmnist/pathmnist"):
        load("medmnist/pathmnist", root)


BY_FOLDER = [
    (one.name, home)
    for module in (cross_domain, imagenet_sets, listed_sets)
    for one in module.SETS
    for home in one.layouts or imagenet_sets.TRAIN_FOLDERS
    if one.name != "chestx"
]


@pytest.mark.parametrize(("name", "home"), BY_FOLDER)
def test_every_folder_that_a_set_is_known_by(name: str, home: str, root: Path) -> None:
    """Class folders, with folders of parts where the set comes with them; the class list shortened to two of a part."""
    lists = root.parent / "lists"
    split = named_set_split(name)
    classes = {"train": ["otter", "seal"], "val": ["whale", "crab"]} if split is None else {
        part: names[:2] for part, names in _SHIPPED[split].items()
    }  # fmt: skip
    if split is not None:
        write_list(lists, split, classes)
    for part, names in classes.items():
        for folder in names:
            below = f"{part}/{folder}" if name in ("imagenet", "imagenet100") else folder
            picture(root / home / below / "a.jpg")
            picture(root / home / below / "b.jpg")
    found = load(name, root, size=8, announce=False)
    assert set(found.class_names) == {name for names in classes.values() for name in names}
    assert len(found) == 2 * found.classes
    if split is not None or name in ("imagenet", "imagenet100"):
        part = min(classes)
        assert set(load(f"{name}:{part}", root, size=8, announce=False).class_names) == set(classes[part])


def named_set_split(name: str) -> str | None:
    """The class list of a set, by its name."""
    return next((one for one in (name, name.replace("/", "_")) if one in _SHIPPED), None)


def test_class_names_agree_without_numbers_and_punctuation() -> None:
    parts = {"test": ["090.canna lily", "F/A-18"]}
    assert match_classes(["x/Canna Lily", "fa18"], parts, "mine", Path("here")) == {
        "x/Canna Lily": "090.canna lily", "fa18": "F/A-18",
    }  # fmt: skip
    with pytest.raises(UserError, match=r"has 0 of its 2 classes; the first that is missing is '090\.canna lily'"):
        match_classes(["owl"], parts, "mine", Path("here"))


def test_every_set_says_how_to_get_it(tmp_path: Path) -> None:
    for entry in catalogue(tmp_path):
        assert entry.available or len(entry.how) > 20
        assert "\n" not in entry.how
    assert {one.class_split for one in named_sets().values()} - {""} <= set(splits.names())
