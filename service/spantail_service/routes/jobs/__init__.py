"""Routes of the job queue, and of the processes that work on it."""
