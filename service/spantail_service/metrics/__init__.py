"""What the service tells Prometheus and OTLP: counters of this process, and what all processes share in Redis."""

from spantail_service.metrics.collector import ServiceMetrics

__all__ = ["ServiceMetrics"]
