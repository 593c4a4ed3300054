"""One file for each data set, or family of data sets, that has a name: it holds `SETS`, a tuple of `NamedSet`."""
