from __future__ import annotations

import unicodedata
from collections import Counter
from itertools import pairwise

import numpy as np
import pytest
import torch

from episodes import audit
from metaclr.data import load
from metaclr.data.drawn.confusables import HELD_OUT_SCRIPTS, MIN_OUTLINES, MIN_OUTLINES_TO_TRAIN, REASONS, select
from metaclr.data.drawn.fonts import characters, class_name_of, text_fonts
from metaclr.data.drawn.glyphs import every_glyph, report
from metaclr.data.drawn.outlines import Outlines, draw_outlines
from metaclr.data.drawn.pose import Pose, posed
from metaclr.errors import UserError


@pytest.fixture(scope="module")
def outlines() -> Outlines:
    fonts = text_fonts()
    return draw_outlines(fonts, characters(fonts), canvas=64)


@pytest.fixture(scope="module")
def part(outlines: Outlines) -> dict[int, str]:
    return select(outlines)


def test_sixteen_fonts_and_their_characters() -> None:
    fonts = text_fonts()
    assert len(fonts) == 16
    drawn = characters(fonts)
    assert 2300 <= len(drawn) <= 2340
    assert all(len(having) >= 12 for having in drawn.values())
    assert {unicodedata.category(chr(code)) for code in drawn}.isdisjoint({"Mn", "Zs", "Cf"})


def test_parts_have_the_expected_sizes(outlines: Outlines, part: dict[int, str]) -> None:
    counts = Counter(part.values())
    assert set(counts) == {"source", "held-out", *REASONS}
    assert counts.total() == len(np.unique(outlines.code))
    assert 1200 <= counts["source"] <= 1300
    assert 490 <= counts["held-out"] <= 525
    assert 120 <= counts["look-alike"] <= 145
    assert report()[0].startswith(f"{counts['source']:,} source characters; {counts['held-out']} held-out")


def test_no_outline_is_kept_twice_within_a_character(outlines: Outlines) -> None:
    pairs = np.stack([outlines.code, outlines.hash], 1)
    assert len(np.unique(pairs, axis=0)) == len(pairs)


def test_no_two_kept_characters_share_a_clean_outline(outlines: Outlines, part: dict[int, str]) -> None:
    kept = np.isin(outlines.code, [code for code, name in part.items() if name in ("source", "held-out")])
    assert len(np.unique(outlines.hash[kept])) == kept.sum()


def test_look_alikes_are_those_that_everyone_knows(part: dict[int, str]) -> None:
    # The capital lambda is the Latin capital turned v.
    assert {part[ord(c)] for c in "ΑΒΕΛАВСаеорс"} == {"look-alike"}
    assert {part[ord(c)] for c in "ΔΨωЖЯфԱა"} == {"held-out"}
    assert part[ord("\N{KELVIN SIGN}")] == "twin"
    assert part[ord("K")] == "source"


def test_source_and_held_out_share_nothing() -> None:
    source, held_out = load("glyphs:source"), load("glyphs:held-out")
    report = audit(source, held_out)
    assert report.clean, report.lines()
    assert set(held_out.groups) == set(HELD_OUT_SCRIPTS)
    assert set(source.groups).isdisjoint(HELD_OUT_SCRIPTS)
    assert int(source.class_counts().min()) >= MIN_OUTLINES_TO_TRAIN
    assert int(held_out.class_counts().min()) >= MIN_OUTLINES


def test_parts_and_scripts() -> None:
    every, whole = load("glyphs:every"), load("glyphs")
    assert every.classes > 2300
    assert whole.classes == load("glyphs:source").classes + load("glyphs:held-out").classes
    greek = load("glyphs:greek")
    assert set(greek.groups) == {"Greek"}
    assert greek.fingerprint() == load("glyphs:held-out").only_groups("Greek").fingerprint()
    assert load("glyphs:armenian+georgian").classes == whole.only_groups(["Armenian", "Georgian"]).classes
    assert class_name_of(ord("a")) == "Latin/LATIN SMALL LETTER A"
    assert "Latin/LATIN SMALL LETTER A" in whole.class_names


@pytest.mark.parametrize(
    ("name", "said"),
    [
        ("glyphs:greeek", "'greek'"),
        ("glyphs:sorce", "'source'"),
        ("glyphs:box", "enough different outlines"),
        ("glyphs:source+greek", "scripts with scripts"),
    ],
)
def test_wrong_parts_are_refused_in_one_line(name: str, said: str) -> None:
    with pytest.raises(UserError, match=said) as caught:
        load(name)
    assert "\n" not in str(caught.value)


def test_images_are_ink_on_black_inside_the_frame() -> None:
    images = load("glyphs").images
    assert images.shape[1:] == (1, 28, 28)
    assert bool((images.flatten(1).amax(1) > 40).all())  # a faint dot is the faintest
    ring = torch.ones(28, 28, dtype=torch.bool)
    ring[1:-1, 1:-1] = False
    assert float((images[:, 0, ring] > 128).any(1).float().mean()) < 0.01  # next to none is cut off


def test_classes_do_not_depend_on_the_size() -> None:
    small, large = every_glyph(12), load("glyphs:every")
    assert (small.class_names, small.split) == (large.class_names, large.split)
    assert small.size == (12, 12)


def test_a_pose_depends_on_its_id_alone(outlines: Outlines) -> None:
    canvas = torch.from_numpy(outlines.canvas[:300])
    ids = torch.arange(300)
    whole = posed(canvas, ids, 28, seed=3)
    assert torch.equal(posed(canvas[100:120], ids[100:120], 28, seed=3), whole[100:120])
    assert not torch.equal(posed(canvas, ids, 28, seed=4), whole)


def test_no_pose_is_the_drawing_itself() -> None:
    canvas = torch.zeros(1, 56, 56, dtype=torch.uint8)
    canvas[:, 10:30, 20:41] = 255
    still = posed(canvas, torch.tensor([7]), 28, seed=0, pose=Pose(0, 0, 0, 0, 0))
    expected = canvas.float().reshape(1, 28, 2, 28, 2).mean((2, 4)).round()
    assert torch.equal(still[:, 0].float(), expected)


def test_stroke_only_thickens_or_thins() -> None:
    canvas = torch.zeros(64, 56, 56, dtype=torch.uint8)
    canvas[:, 20:36, 24:32] = 255
    ink = [
        posed(canvas, torch.arange(64), 28, seed=0, pose=Pose(0, 0, 0, 0, stroke)).double().sum((1, 2, 3))
        for stroke in (0.0, 0.4, 0.8)
    ]
    grows = ink[1] > ink[0]
    assert 16 < int(grows.sum()) < 48
    for less, more in pairwise(ink):
        assert bool(((more > less) == grows).all())
