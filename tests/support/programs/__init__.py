"""The real programs around us: Collector, Jaeger, Prometheus, Alertmanager, and a webhook's receiver."""
