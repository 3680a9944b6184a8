"""What this service calls itself."""

from __future__ import annotations

from typing import Final

from opentelemetry.sdk.resources import SERVICE_NAME, Resource

_DEFAULT_NAME: Final = "spantail"


def service_name() -> str:
    """The name by `OTEL_SERVICE_NAME` or `OTEL_RESOURCE_ATTRIBUTES`, else spantail."""
    name = str(Resource.create().attributes.get(SERVICE_NAME, ""))
    return _DEFAULT_NAME if name.startswith("unknown_service") else name or _DEFAULT_NAME
