"""Coarse-to-fine transfer: the same images under coarse labels to train on, and under fine ones to evaluate on.

Chen, Fu et al. 2022, arXiv:2204.07596, train on CIFAR's super-classes and evaluate on its classes.
"""

from __future__ import annotations

from dataclasses import replace

from episodes import ImageSet
from metaclr.data.coarse import by_group, halves
from metaclr.data.drawn.glyphs import glyphs
from metaclr.data.named_sets import NamedSet
from metaclr.data.request import Request

SUPER_CLASSES = """
aquatic_mammals: beaver dolphin otter seal whale
fish: aquarium_fish flatfish ray shark trout
flowers: orchid poppy rose sunflower tulip
food_containers: bottle bowl can cup plate
fruit_and_vegetables: apple mushroom orange pear sweet_pepper
household_electrical_devices: clock keyboard lamp telephone television
household_furniture: bed chair couch table wardrobe
insects: bee beetle butterfly caterpillar cockroach
large_carnivores: bear leopard lion tiger wolf
large_man-made_outdoor_things: bridge castle house road skyscraper
large_natural_outdoor_scenes: cloud forest mountain plain sea
large_omnivores_and_herbivores: camel cattle chimpanzee elephant kangaroo
medium_mammals: fox porcupine possum raccoon skunk
non-insect_invertebrates: crab lobster snail spider worm
people: baby boy girl man woman
reptiles: crocodile dinosaur lizard snake turtle
small_mammals: hamster mouse rabbit shrew squirrel
trees: maple_tree oak_tree palm_tree pine_tree willow_tree
vehicles_1: bicycle bus motorcycle pickup_truck train
vehicles_2: lawn_mower rocket streetcar tank tractor
"""
"""CIFAR-100's super-classes and their classes (Krizhevsky 2009)."""

SCRIPTS = ("Armenian", "Cyrillic", "Georgian", "Greek", "Latin")
"""The scripts of the fonts; the other groups of the glyphs are symbols."""

_CIFAR100 = {
    name: group
    for group, _, names in (line.partition(":") for line in SUPER_CLASSES.strip().splitlines())
    for name in names.split()
}


def _characters(request: Request) -> ImageSet:
    """The letters of the five scripts, half of each letter's images in either part."""
    return replace(halves(glyphs((), request.size or 28, request.cache).only_groups(SCRIPTS)), name="glyphs_fine")


def _scripts(request: Request) -> ImageSet:
    return replace(by_group(_characters(request)), name="glyphs_coarse")


SETS = (
    NamedSet("glyphs_fine", "letters of five scripts, as glyphs; the target of glyphs_coarse",
             parts=("train", "test"), read=_characters),
    NamedSet("glyphs_coarse", "the same images by script", classes=5, parts=("train", "test"), read=_scripts),
    NamedSet("cifar100_coarse", "CIFAR-100 by its 20 super-classes; the target is cifar100:test", 20, 60000,
             ("train", "test"), images_of="cifar100", relabelled=lambda found: by_group(found, _CIFAR100)),
    NamedSet("omniglot_coarse", "Omniglot by its 50 alphabets", 50, 32460, ("train", "val", "test"),
             images_of="omniglot", class_split="omniglot", relabelled=by_group),
)  # fmt: skip
