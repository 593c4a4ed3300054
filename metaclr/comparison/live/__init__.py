"""The report of a comparison that still runs."""
