"""Rows, per-item results and run folders on disk."""
