"""The service as its own commands see it over HTTP."""
