"""Where images come from: embedded glyphs and digits, real sets by name, folders, files of arrays."""

from episodes.splits import split_classes
from metaclr.data.adapt import adapt
from metaclr.data.arrays.formats import FORMATS
from metaclr.data.cache import cache_folder
from metaclr.data.described.catalogue import Entry, catalogue, names
from metaclr.data.described.sheet import contact_sheet
from metaclr.data.load import data_root, load
from metaclr.data.named_sets import NamedSet
from metaclr.data.options import ReadOptions

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
