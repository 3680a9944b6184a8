"""From the application's threads to a place that keeps: queue, worker, batches, retry, spill to disk."""
