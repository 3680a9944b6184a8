"""The job queue in Redis: items, scripts, and what viewers see of it."""
