"""Where images come from: embedded glyphs and digits, real sets by name, folders, files of arrays."""

from episodes.splits import split_classes
from metaclr.data.adapt import adapt
from metaclr.data.cache import cache_folder
from metaclr.data.catalogue import Entry, catalogue, names
from metaclr.data.formats import FORMATS
from metaclr.data.load import data_root, load
from metaclr.data.named_sets import NamedSet
from metaclr.data.options import ReadOptions
from metaclr.data.sheet import contact_sheet

__all__ = [
    "FORMATS",
    "Entry",
    "NamedSet",
    "ReadOptions",
    "adapt",
    "cache_folder",
    "catalogue",
    "contact_sheet",
    "data_root",
    "load",
    "names",
    "split_classes",
]
