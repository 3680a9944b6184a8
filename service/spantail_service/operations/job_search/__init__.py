"""The operation that searches for jobs."""
