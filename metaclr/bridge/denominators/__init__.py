"""Axis 9: how the logits of a query become its loss."""
