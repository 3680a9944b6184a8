"""Spantail's service: HTTP API, OTLP ingest and the operations it can start."""

from spantail.version import __version__

__all__ = ["__version__"]
