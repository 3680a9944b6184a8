"""Grafana's data source Tempo."""
