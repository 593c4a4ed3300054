"""The episodic task sampler: which images, which views, which tasks; needs torch and numpy only."""

from episodes.audit import AuditReport, audit, check_episode, check_table, duplicates, image_hashes, without_leaks
from episodes.augment import augment, to_float
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
from episodes.views import Augmentation, Views, render, rotate_ways

__all__ = [
    "PRESETS",
    "AuditReport",
    "Augmentation",
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
