"""Batched image operations with one explicit parameter per row; `episodes.augment` draws the parameters."""
