"""The episodic task sampler: which images, which views, which tasks; needs torch and numpy only."""

from episodes.errors import EpisodeError
from episodes.image_set import ImageSet
from episodes.task import Episode, EpisodeTable, TaskShape

__all__ = ["Episode", "EpisodeError", "EpisodeTable", "ImageSet", "TaskShape"]
