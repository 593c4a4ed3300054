"""Batched image operations, each with explicit parameters, one per row; `operations.parameters` draws them."""
