"""Spans into Redis: version-1 livetail events, stored by one atomic script per run and batch."""

from spantail_exporters.livetail import RedisLivetailExporter, create_sink

__all__ = ["RedisLivetailExporter", "create_sink"]
