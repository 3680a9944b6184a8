"""A run out of the service and in again: OTLP JSON, Chrome trace JSON (Perfetto), NDJSON."""
