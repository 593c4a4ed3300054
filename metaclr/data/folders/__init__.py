"""Folders of images: which level is the part, which the class."""
