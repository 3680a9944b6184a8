"""Duration, tokens and cost of calls and runs, by OpenTelemetry's metrics API; nothing without a meter provider."""
