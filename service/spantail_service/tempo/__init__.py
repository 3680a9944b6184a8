"""Tempo's HTTP API over the live tier, so that Grafana's Tempo data source reads Spantail itself."""
