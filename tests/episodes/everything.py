"""A recipe with every operation of a view."""

from dataclasses import replace

from episodes import PRESETS

EVERYTHING = replace(
    PRESETS["simclr-imagenet"],
    rotate=10,
    zoom=(0.8, 1.3),
    shear=0.1,
    shift=0.1,
    elastic=0.05,
    flip_vertical=0.5,
    quarter_turns=0.5,
    stroke=(-1, 1),
    random_erasing=0.5,
    dropout=(0.0, 0.3),
)
