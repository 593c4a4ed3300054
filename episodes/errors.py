"""The one error of the sampler: a task or a set that cannot be, said in one line."""

from __future__ import annotations


class EpisodeError(ValueError):
    """An impossible task shape, a malformed image set or a leak; the message is one clear line."""
