"""A run as text: tree, lines, words."""
