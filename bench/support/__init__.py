"""What the benchmarks share: servers, clients, the spans that they make."""
