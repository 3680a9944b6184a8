"""Redis from the service: commands, scripts, subscriptions, and the embedded server."""
