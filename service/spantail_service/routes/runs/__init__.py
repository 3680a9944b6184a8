"""Runs: the list, one of them, its tail in three ways, its spans, in and out as files, and what they cost."""
