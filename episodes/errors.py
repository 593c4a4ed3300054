"""The one error of the sampler: an impossible task or image set, in one line."""

from __future__ import annotations


class EpisodeError(ValueError):
    """An impossible task shape, a malformed image set or a leak; the message is one clear line."""
