"""From the application's threads to Redis: queue, worker, batches, retry, spill to disk."""
