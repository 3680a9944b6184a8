"""Runs made for tests, and runs read plainly from Redis."""
