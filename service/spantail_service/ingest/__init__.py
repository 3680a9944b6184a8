"""OTLP in: protobuf requests become livetail events (see decode, normalise, store)."""
