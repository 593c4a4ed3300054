"""Every source with methods of every kind, on the embedded glyphs; undefined pairs are refused with the reason."""

from __future__ import annotations

from functools import cache
from typing import Any

import pytest
import torch
from click.testing import CliRunner

import metaclr
from episodes import ImageSet
from metaclr import methods, positives
from metaclr.cli.methods import command
from metaclr.comparison.labels.positives_setting import declared
from metaclr.comparison.runs.naming import runs_of
from metaclr.data import load
from metaclr.errors import UserError
from metaclr.recipe import resolve
from tests.metaclr.comparison import small

SMALL = ["encoder.options={width=8}", "train.batch_views=32"]


@cache
def glyphs() -> ImageSet:
    return load("glyphs:greek+armenian")


def of(name: str, **settings: Any) -> Any:
    return declared(methods.get(name), {key.replace("__", "."): value for key, value in settings.items()})


@pytest.mark.parametrize("source", positives.names())
@pytest.mark.parametrize("method", ["simclr", "protonet", "byol", "vicreg"])
def test_it_trains_on_the_embedded_default(method: str, source: str) -> None:
    settings = {"positives": source}
    encoder = metaclr.train(method, glyphs(), settings=settings, steps=4, overrides=SMALL, device="cpu", quiet=True)
    fresh = metaclr.train(method, glyphs(), settings=settings, steps=4, overrides=SMALL, device="cpu", quiet=True)
    pairs = list(zip(encoder.parameters(), fresh.parameters(), strict=True))
    assert all(a.isfinite().all() for a, _ in pairs)
    assert all(torch.equal(a, b) for a, b in pairs)  # a function of seed and settings


def test_sources_differ_in_what_they_train() -> None:
    found = {
        source: next(
            metaclr.train(
                "simclr", glyphs(), settings={"positives": source}, steps=2, overrides=SMALL, device="cpu", quiet=True
            ).parameters()
        )
        for source in ("augmentation", "label", "group", "patch", "time")
    }
    names = list(found)
    assert not any(torch.equal(found[a], found[b]) for i, a in enumerate(names) for b in names[:i])


@pytest.mark.parametrize(
    ("method", "settings", "words"),
    [
        ("supervised", {"positives": "augmentation"}, "needs classes that several ways share"),
        ("l_spread", {"positives": "patch"}, "several ways share"),
        ("nnclr", {"positives": "label"}, "takes its positives from a queue"),
        ("psco", {"positives": "time"}, "takes its positives from a queue"),
        ("untrained", {"positives": "label"}, "it is not trained"),
        ("simclr", {"positives": "patches"}, "did you mean 'patch'"),
        ("simclr", {"positives": 3}, "one of augmentation, cluster"),
        ("simclr", {"positives": "patch", "patch.gird": 3}, "did you mean 'grid'"),
        ("simclr", {"positives": "patch", "time.window": 0.1}, "set simclr.positives=time"),
        ("simclr", {"patch.grid": 3}, "set simclr.positives=patch"),
        ("simclr", {"positives": "label", "labels": "cluster"}, "not both"),
        ("simclr", {"positives": "patch", "patch.grid": 1}, "at least 2"),
        ("simclr", {"positives": "patch", "patch.far": True}, "below 1: half of patch"),
        ("simclr", {"positives": "time", "time.window": 0.0}, "above 0"),
        ("simclr", {"positives": "neighbour", "neighbour.count": 0}, "at least 1"),
    ],
)
def test_illegal_pairs_are_refused(method: str, settings: dict[str, Any], words: str) -> None:
    with pytest.raises(UserError, match=words) as error:
        declared(methods.get(method), settings)
    assert "\n" not in str(error.value)


@pytest.mark.parametrize(
    ("source", "images", "words"),
    [
        ("label", small.stripes().unlabelled(), "has none"),
        ("group", small.stripes(), "no groups"),
        ("neighbour", small.stripes(2, 2), "has 4 images"),
    ],
)
def test_images_without_what_a_source_reads_are_refused(source: str, images: ImageSet, words: str) -> None:
    with pytest.raises(UserError, match=words):
        metaclr.train(
            "simclr", images, settings={"positives": source}, steps=1,
            overrides=["size=16", "train.batch_views=8"], device="cpu", quiet=True,
        )  # fmt: skip


def test_a_method_that_has_this_source_stays_as_it_is() -> None:
    for name, source in (("simclr", "augmentation"), ("protonet", "label"), ("cactus", "cluster"), ("supcon", "label")):
        changed = [axis for axis, _, _ in methods.diff(name, of(name, positives=source))]
        assert changed == ["positives"], name


def test_settings_of_a_source_that_a_method_declares() -> None:
    assert of("time_contrastive", time__window=0.1).positives.window == 0.1
    assert of("time_contrastive", time__window=0.1).positives.far


def test_the_recipes_key_is_for_all_methods_without_their_own() -> None:
    recipe = resolve({}, ["positives=patch", "methods=simclr, protonet, byol(positives=label)"])
    found = {run.entry.title: run.method.positives for run in runs_of(recipe)}
    kinds = {title: type(source).__name__ for title, source in found.items()}
    assert kinds == {
        "simclr": "Patch", "protonet": "Patch", "byol(positives=label)": "Label",
        "untrained": "NoneType", "pixels": "NoneType",
    }  # fmt: skip
    plain = {run.name: run for run in runs_of(resolve({}, []))}
    other = {run.name: run for run in runs_of(recipe)}
    name = "simclr-glyphs-source-s0"
    assert plain[name].digest(recipe, {}) != other[name].digest(recipe, {})


def test_the_verb_lists_sources_with_their_settings() -> None:
    text = CliRunner().invoke(command, ["positives"]).output
    assert all(f"{name}: " in text for name in positives.names())
    assert "patch.overlap = 0.5" in text
    assert "positives=augmentation+2*time" in text
