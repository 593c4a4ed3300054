"""Encoded images: looked at, decoded, brought to one size."""
