"""The HTML report and its headline."""
