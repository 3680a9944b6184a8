"""Searching in one run: what is asked for, what of a span or a log line it is compared with, and the walk."""
