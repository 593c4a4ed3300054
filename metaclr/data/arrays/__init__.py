"""Files of arrays, and files that are a data set by themselves."""
