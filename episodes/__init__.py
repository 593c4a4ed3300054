"""The episodic task sampler: which images, which views, which tasks; needs torch and numpy only.

Names are imported on first use: reading `episodes.EpisodeError` does not import torch.
"""

from __future__ import annotations

import sys
from importlib import import_module
from types import ModuleType
from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from episodes.audit import AuditReport, audit, check_episode, check_table, duplicates, image_hashes, without_leaks
    from episodes.augment import augment, to_float
    from episodes.computed_images import ComputedImages
    from episodes.errors import EpisodeError
    from episodes.image_set import ImageSet
    from episodes.npy import open_npy
    from episodes.prefetch import Prefetcher, with_pixels
    from episodes.presets import PRESETS
    from episodes.rendering import Rendering
    from episodes.sampler import EpisodeSampler, sample_table
    from episodes.stored import read_table, stored_label_subset, stored_table, write_table
    from episodes.stored_images import Images, StoredImages, blocks
    from episodes.subsets import label_subset, train_test_indices, train_test_split
    from episodes.task import Episode, EpisodeTable, TaskShape
    from episodes.view_recipe import ViewRecipe
    from episodes.views import Augmentation, Views, mix_queries, render, rotate_ways

__all__ = [
    "PRESETS",
    "AuditReport",
    "Augmentation",
    "ComputedImages",
    "Episode",
    "EpisodeError",
    "EpisodeSampler",
    "EpisodeTable",
    "ImageSet",
    "Images",
    "Prefetcher",
    "Rendering",
    "StoredImages",
    "TaskShape",
    "ViewRecipe",
    "Views",
    "audit",
    "augment",
    "blocks",
    "check_episode",
    "check_table",
    "duplicates",
    "image_hashes",
    "label_subset",
    "mix_queries",
    "open_npy",
    "read_table",
    "render",
    "rotate_ways",
    "sample_table",
    "stored_label_subset",
    "stored_table",
    "to_float",
    "train_test_indices",
    "train_test_split",
    "with_pixels",
    "without_leaks",
    "write_table",
]

_HOME = {
    "AuditReport": "episodes.audit",
    "audit": "episodes.audit",
    "check_episode": "episodes.audit",
    "check_table": "episodes.audit",
    "duplicates": "episodes.audit",
    "image_hashes": "episodes.audit",
    "without_leaks": "episodes.audit",
    "augment": "episodes.augment",
    "to_float": "episodes.augment",
    "ComputedImages": "episodes.computed_images",
    "EpisodeError": "episodes.errors",
    "ImageSet": "episodes.image_set",
    "open_npy": "episodes.npy",
    "Prefetcher": "episodes.prefetch",
    "with_pixels": "episodes.prefetch",
    "PRESETS": "episodes.presets",
    "Rendering": "episodes.rendering",
    "EpisodeSampler": "episodes.sampler",
    "sample_table": "episodes.sampler",
    "read_table": "episodes.stored",
    "stored_label_subset": "episodes.stored",
    "stored_table": "episodes.stored",
    "write_table": "episodes.stored",
    "Images": "episodes.stored_images",
    "StoredImages": "episodes.stored_images",
    "blocks": "episodes.stored_images",
    "label_subset": "episodes.subsets",
    "train_test_indices": "episodes.subsets",
    "train_test_split": "episodes.subsets",
    "Episode": "episodes.task",
    "EpisodeTable": "episodes.task",
    "TaskShape": "episodes.task",
    "ViewRecipe": "episodes.view_recipe",
    "Augmentation": "episodes.views",
    "Views": "episodes.views",
    "render": "episodes.views",
    "mix_queries": "episodes.views",
    "rotate_ways": "episodes.views",
}


def __getattr__(name: str) -> Any:
    if name in _HOME:
        value = getattr(import_module(_HOME[name]), name)
        globals()[name] = value
        return value
    raise AttributeError(f"module 'episodes' has no attribute {name!r}")


def __dir__() -> list[str]:
    return sorted(__all__)


class _Package(ModuleType):
    """Python binds a submodule to its package when it is imported; `audit` and `augment` are the functions here."""

    def __setattr__(self, name: str, value: Any) -> None:
        if name in _HOME and isinstance(value, ModuleType):
            value = getattr(value, name)
        super().__setattr__(name, value)


sys.modules[__name__].__class__ = _Package
