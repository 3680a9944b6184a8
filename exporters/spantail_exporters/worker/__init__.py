"""The background thread that both pipelines hand their spans to: its queue, its start, its end, and a fork."""
