"""From rows to scores: means over seeds, paired differences, table columns."""
