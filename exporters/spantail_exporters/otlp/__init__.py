"""Span starts and changes as OTLP log records, for a Collector in between."""
