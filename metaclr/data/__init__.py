"""Where images come from: embedded glyphs and digits, real sets by name, folders, .npz files."""

from metaclr.data.adapt import adapt
from metaclr.data.catalogue import Entry, catalogue, load

__all__ = ["Entry", "adapt", "catalogue", "load"]
