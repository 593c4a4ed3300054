"""Published figures as data, each with its source, and our results beside them."""
