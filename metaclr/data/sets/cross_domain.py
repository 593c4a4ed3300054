"""Targets of cross-domain few-shot learning: BSCD-FSL's (Guo et al. 2020) and those of Tseng et al. 2020."""

from __future__ import annotations

import csv
from dataclasses import replace
from pathlib import Path

from episodes import ImageSet, splits
from metaclr.data.folders.folders import folder_set, listed_set
from metaclr.data.folders.listing import Listing
from metaclr.data.named_sets import NamedSet
from metaclr.data.request import Request
from metaclr.errors import UserError

_CHESTX = ("chestx", "chestX", "ChestX-Ray8", "ChestX")
_TABLE = "Data_Entry_2017.csv"


def _folder(name: str, about: str, classes: int, images: int, homes: tuple[str, ...], how: str) -> NamedSet:
    def find(root: Path) -> list[Path]:
        return [root / home for home in homes if (root / home).is_dir()][:1]

    def read(request: Request) -> ImageSet:
        assert request.root is not None
        found = folder_set(
            find(request.root)[0], request.size, request.channels,
            parts=request.parts, options=request.options, cache_in=request.cache,
        )  # fmt: skip
        return replace(found, name=name)

    return NamedSet(name, about, classes, images, (), homes, lambda _: how, find, read)


def _find_chestx(root: Path) -> list[Path]:
    return [root / home for home in _CHESTX if (root / home / _TABLE).is_file()][:1]


def _read_chestx(request: Request) -> ImageSet:
    """Images with exactly one finding of the seven that BSCD-FSL uses; those that the folder lacks are left out.

    Raises:
        UserError: no listed image is there.
    """
    assert request.root is not None
    root = _find_chestx(request.root)[0]
    findings = splits.class_split("cdfsl_chestx")["test"]
    there = {path.name: path.relative_to(root).as_posix() for path in sorted(root.rglob("*.png"))}
    with (root / _TABLE).open(encoding="utf-8-sig", newline="") as file:
        rows = [(row[0], row[1]) for row in list(csv.reader(file))[1:] if len(row) > 1 and row[1] in findings]
    kept = sorted((there[name], finding) for name, finding in rows if name in there)
    if not kept:
        raise UserError(f"{root}: none of the {len(rows):,} images of {_TABLE} with one finding is there")
    names = [name for name in findings if any(finding == name for _, finding in kept)]
    note = f"left out: {len(rows) - len(kept):,} listed images that are not there" if len(kept) < len(rows) else ""
    listing = Listing(
        root,
        tuple(file for file, _ in kept),
        tuple(names.index(finding) for _, finding in kept),
        (),
        tuple(names),
        (),
        tuple(filter(None, (f"layout: images with one finding of {_TABLE}", note))),
    )
    found = listed_set(listing, request.size, request.channels, request.options, request.cache)
    return replace(found, name="chestx")


SETS = (
    _folder("cropdisease", "leaves by crop and disease (BSCD-FSL)", 38, 43456,
            ("cropdisease", "CropDiseases/dataset/train", "CropDiseases/train", "plant-disease/dataset/train"),
            "kaggle.com/datasets/saroz014/plant-disease, its train folder as DATA_ROOT/cropdisease"),
    _folder("isic", "skin lesions (BSCD-FSL)", 7, 10015, ("isic", "ISIC", "ISIC2018"),
            "challenge.isic-archive.com/data, task 3 of 2018: ISIC2018_Task3_Training_Input and"
            " ISIC2018_Task3_Training_GroundTruth into DATA_ROOT/isic"),
    NamedSet("chestx", "chest X-rays with one finding (BSCD-FSL)", 7, 25848, (), _CHESTX,
             lambda _: "nihcc.app.box.com/v/ChestXray-NIHCC: images/ and Data_Entry_2017.csv into DATA_ROOT/chestx",
             _find_chestx, _read_chestx),
    _folder("places", "scenes", 365, 1803460, ("places", "places365_standard", "places365"),
            "places2.csail.mit.edu/download.html, the small images, as class folders in DATA_ROOT/places"),
    _folder("plantae", "plants of iNaturalist", 0, 0, ("plantae", "plantae_cdfsl"),
            "github.com/hytseng0509/CrossDomainFewShot says how to make it; class folders into DATA_ROOT/plantae"),
)  # fmt: skip
