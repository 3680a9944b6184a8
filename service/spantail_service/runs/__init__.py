"""Runs as they are stored: list, changes, sources, spend, retention."""
