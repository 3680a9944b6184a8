"""OTLP requests read into records, within bounds and without Redis: protobuf and JSON, each walked over first."""
