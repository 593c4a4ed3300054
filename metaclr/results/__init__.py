"""Rows, tables, figures and the report of a comparison folder."""
