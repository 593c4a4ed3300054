"""A walk from one method of the bridge to another, one axis at a time: find the path, train and evaluate it."""

from metaclr.walk.path import Path, Step, find_path

__all__ = ["Path", "Step", "find_path"]
