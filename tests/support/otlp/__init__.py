"""OTLP requests: made by hand, kept from real libraries, received, compared."""
