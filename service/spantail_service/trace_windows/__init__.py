"""Parts of very large traces: an index of each run that is looked at, and the rows that are taken from it."""
