"""Redis from a plain thread: client, commands on their way, batches into it."""
