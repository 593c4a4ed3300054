"""A data set looked at: what there is, its summary, its sheets of images, what its parts share."""
