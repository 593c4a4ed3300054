"""The walk from one method of the bridge to another, one axis at a time: the path, and carrying it out."""

from metaclr.walk.path import Path, Step, find_path

__all__ = ["Path", "Step", "find_path"]
