"""Images named by .csv files, as miniImageNet, Kaggle and the hub have them."""

from __future__ import annotations

from collections import Counter
from pathlib import Path

import pytest

from metaclr.data import load
from metaclr.errors import UserError
from tests.metaclr.data.folder_trees import picture, pictures

NAMES = {"train": "abcd", "val": "ef", "test": "gh"}


def mini(root: Path, header: str = "filename,label", place: str = "images", separator: str = ",") -> Path:
    """images/ and train.csv, val.csv, test.csv, with other classes in each."""
    for part, classes in NAMES.items():
        lines = [header.replace(",", separator)]
        for c in classes:
            for i in range(3):
                picture(root / place / f"{c}{i}.jpg", i)
                lines.append(f"{c}{i}.jpg{separator}{c}")
        (root / f"{part}.csv").write_text("\n".join(lines) + "\n")
    return root


@pytest.mark.parametrize(
    ("header", "place", "separator"),
    [("filename,label", "images", ","), ("image_id,class", ".", ";"), ("FilePath,Category", "all/pictures", "\t")],
)
def test_three_lists(tmp_path: Path, header: str, place: str, separator: str) -> None:
    found = load(str(mini(tmp_path, header, place, separator)), size=8)
    assert found.class_names == tuple("abcdefgh")
    assert Counter(found.split) == {"train": 12, "val": 6, "test": 6}
    assert load(f"{tmp_path}:novel", size=8).class_names == ("g", "h")
    for i, file in enumerate(found.files):
        assert Path(file).name[0] == found.class_names[found.required_labels()[i]]


def test_one_list_with_a_column_for_the_part(tmp_path: Path) -> None:
    pictures(tmp_path / "images", ["."], count=6)
    rows = [f"im{i},{'ab'[i % 2]},{('Training', 'dev', 'EVAL')[i // 2]}" for i in range(6)]
    (tmp_path / "labels.csv").write_text("\n".join(["id,species,split", *rows]))
    found = load(str(tmp_path), size=8)
    assert (found.class_names, found.split) == (("a", "b"), ("train", "train", "val", "val", "test", "test"))
    (tmp_path / "labels.csv").write_text("\n".join(["id,species,split", *rows, "im0,a,fold7"]))
    with pytest.raises(UserError, match=r"labels\.csv, column 'split': unknown part 'fold7'"):
        load(str(tmp_path), size=8)


def test_a_list_given_by_its_path(tmp_path: Path) -> None:
    pictures(tmp_path, ["owl", "wren"])
    (tmp_path / "mine.csv").write_text("file,label\nowl/im0.png,x\nwren/im1.png,y\n")
    by_folders = load(str(tmp_path), size=8)
    assert by_folders.class_names == ("owl", "wren")
    assert any("mine.csv is not read" in note for note in by_folders.notes)
    found = load(str(tmp_path / "mine.csv"), size=8)
    assert (found.class_names, found.files) == (("x", "y"), ("owl/im0.png", "wren/im1.png"))
    assert any("2 images that no list names" in note for note in found.notes)


def test_lists_inside_parts_and_unlabelled_rows(tmp_path: Path) -> None:
    for part in ("train", "test"):
        pictures(tmp_path / part, ["."], count=4)
    (tmp_path / "train" / "metadata.csv").write_text(
        "file_name,label\n" + "".join(f"im{i}.png,{i % 2}\n" for i in range(4))
    )
    (tmp_path / "test" / "metadata.csv").write_text("file_name\n" + "".join(f"im{i}.png\n" for i in range(4)))
    found = load(str(tmp_path), size=8)
    assert (found.class_names, set(found.split), len(found)) == (("0", "1"), {"train"}, 4)
    assert any("part test, 4 images without labels" in note for note in found.notes)
    assert load(f"{tmp_path}:test", size=8).labels is None


def test_one_column_a_class(tmp_path: Path) -> None:
    pictures(tmp_path, ["."], count=4)
    rows = "".join(f"im{i},{int(i % 2 == 0)}.0,{int(i % 2 == 1)}.0\n" for i in range(4))
    (tmp_path / "truth.csv").write_text("image,MEL,NV\n" + rows)
    assert load(str(tmp_path), size=8).required_labels().tolist() == [0, 1, 0, 1]


@pytest.mark.parametrize(
    ("text", "said"),
    [
        ("filename,label\nim0.png,a\nim0.png,b\n", "listed twice, as a and as b"),
        ("filename,label\nnone.png,a\n", "none of its 1 files is below"),
        ("filename,label\nim0.png\n", "row 2 has 1 of 2 columns"),
        ("filename,color,mood\nim0.png,red,sad\n", "which of the columns color, mood is the label"),
    ],
)
def test_wrong_lists(tmp_path: Path, text: str, said: str) -> None:
    pictures(tmp_path / "images", ["."])
    (tmp_path / "list.csv").write_text(text)
    with pytest.raises(UserError, match=said) as caught:
        load(str(tmp_path), size=8)
    assert "\n" not in str(caught.value)


def test_a_missing_file_counts_as_unreadable(tmp_path: Path) -> None:
    pictures(tmp_path / "images", ["."])
    (tmp_path / "list.csv").write_text("filename,label\nim0.png,a\nim1.png,b\ngone.png,a\n")
    with pytest.raises(UserError, match=r"1 unreadable image, first .*gone\.png"):
        load(str(tmp_path), size=8)
    assert len(load(str(tmp_path), size=8, on_corrupt="skip")) == 2


def test_a_name_that_two_images_have(tmp_path: Path) -> None:
    pictures(tmp_path, ["x", "y"])
    (tmp_path / "train.csv").write_text("filename,label\nim0.png,a\n")
    with pytest.raises(UserError, match=r"'im0\.png' may be x/im0\.png or y/im0\.png"):
        load(str(tmp_path), size=8)


ROWS = [(f"im{i}.png", "ab"[i % 2], ("train", "train", "val", "val", "test", "test")[i]) for i in range(6)]


def listed(root: Path, text: str, name: str = "labels.csv", encoding: str = "utf-8") -> Path:
    pictures(root / "images", ["."], count=6)
    (root / name).write_bytes(text.encode(encoding))
    return root


def as_text(header: str, *, separator: str = ",", line: str = "\n") -> str:
    return line.join([header, *(separator.join(row) for row in ROWS)]) + line


@pytest.mark.parametrize(
    ("text", "encoding"),
    [
        (as_text("filename,label,split"), "utf-8-sig"),
        (as_text("filename\tlabel\tsplit", separator="\t"), "utf-16"),
        (as_text("filename;label;split", separator=";", line="\r\n"), "utf-8"),
        (as_text("filename|label|split", separator="|", line="\r"), "utf-8"),
        ("# mine\n\n" + as_text(" File Name , Class , Data Set "), "utf-8"),
        (as_text("photo path,kind,which").replace("im", "C:\\me\\images\\im"), "utf-8"),
        (as_text("a,b,c").replace("im", "/home/me/images/im"), "utf-8"),
        (as_text("url,label,split").replace("im", "https://x.org/images/im"), "utf-8"),
        (as_text("x,y,z").partition("\n")[2].replace(".png", ""), "utf-8"),  # no header, no endings
        (as_text("filename,label,split").replace(".png", ".JPG"), "utf-8"),  # converted since
        (as_text("filename,label,split").replace("im", "IM"), "utf-8"),
    ],
)
def test_a_list_in_any_dialect(tmp_path: Path, text: str, encoding: str) -> None:
    found = load(str(listed(tmp_path, text, encoding=encoding)), size=8)
    assert [Path(file).name for file in found.files] == [row[0] for row in ROWS]
    assert [found.class_name(label) for label in found.required_labels().tolist()] == [row[1] for row in ROWS]
    assert list(found.split) == [row[2] for row in ROWS]


@pytest.mark.parametrize(
    ("column", "true", "false"),
    [("is_valid", "val", "train"), ("is_train", "train", "test"), ("Is Test", "test", "train")],
)
def test_a_column_of_true_and_false_is_the_part(tmp_path: Path, column: str, true: str, false: str) -> None:
    rows = "".join(f"im{i}.png,{'ab'[i % 2]},{i < 2}\n" for i in range(6))
    found = load(str(listed(tmp_path, f"filename,label,{column}\n{rows}")), size=8)
    assert found.split == (true,) * 2 + (false,) * 4


def test_columns_that_are_not_read_are_named(tmp_path: Path) -> None:
    rows = "".join(f"{i},im{i}.png,{'ab'[i % 2]},9,{i % 3}\n" for i in range(6))
    found = load(str(listed(tmp_path, f",filename,label,width,grams\n{rows}")), size=8)
    assert "columns: width of labels.csv are not read" in found.notes
    assert found.attributes == {"grams": tuple("012012")}  # its values repeat
    (tmp_path / "labels.csv").write_text(f",filename,label,width,fold\n{rows}")
    assert any("warning: column fold of labels.csv is not read" in note for note in load(str(tmp_path), size=8).notes)
    (tmp_path / "labels.csv").write_text("filename,label\nim0.png,owl, big\n")
    with pytest.raises(UserError, match="row 2 has 3 columns, and the header 2; put quotes around cells"):
        load(str(tmp_path), size=8)


def test_labels_in_one_list_and_parts_in_another(tmp_path: Path) -> None:
    listed(tmp_path, "filename,label\n" + "".join(f"{file},{label}\n" for file, label, _ in ROWS))
    (tmp_path / "split.csv").write_text("filename,split\n" + "".join(f"{file},{part}\n" for file, _, part in ROWS))
    found = load(str(tmp_path), size=8)
    assert (found.class_names, list(found.split)) == (("a", "b"), [row[2] for row in ROWS])


@pytest.mark.parametrize("place", [".", "meta"])
@pytest.mark.parametrize(
    ("ending", "row"),
    [("csv", "{c}/im{i}.png"), ("txt", "{c}/im{i}"), ("txt", "images/{c}/im{i}.png {n}"), ("csv", "im{i}.png,{c}")],
)
def test_parts_by_lists_and_classes_by_folders(tmp_path: Path, place: str, ending: str, row: str) -> None:
    pictures(tmp_path / "images", ["owl", "wren"], count=4)
    (tmp_path / place).mkdir(exist_ok=True)
    for part, ids in (("train", (0, 1)), ("test", (2, 3))):
        lines = [row.format(c=c, i=i, n=n) for n, c in enumerate(("owl", "wren")) for i in ids]
        header = "filename,label\n" if "," in row else ""
        (tmp_path / place / f"{part}.{ending}").write_text(header + "\n".join(lines) + "\n")
    found = load(str(tmp_path), size=8)
    assert found.class_names == ("owl", "wren")
    for file, part, label in zip(found.files, found.split, found.required_labels().tolist(), strict=True):
        assert part == ("train" if file[-5] in "01" else "test")
        assert file.split("/")[1] == ("owl", "wren")[label]


def test_a_file_of_that_name_in_another_folder_is_another_file(tmp_path: Path) -> None:
    pictures(tmp_path, ["owl"])
    pictures(tmp_path, ["wren"], count=1)
    (tmp_path / "train.csv").write_text("filename,label\nowl/im0.png,owl\nwren/im1.png,wren\nwren/im0.png,wren\n")
    with pytest.raises(UserError, match=r"1 unreadable image.*wren/im1\.png"):
        load(str(tmp_path), size=8)


def test_json_lines_and_files_that_are_not_read(tmp_path: Path) -> None:
    rows = "".join(f'{{"file_name": "{file}", "label": "{label}"}}\n' for file, label, _ in ROWS)
    assert load(str(listed(tmp_path, rows, "metadata.jsonl")), size=8).class_names == ("a", "b")
    (tmp_path / "metadata.jsonl").rename(tmp_path / "train_test_split.json")
    notes = load(str(tmp_path), size=8).notes
    assert any("warning: train_test_split.json is not read" in note for note in notes)
