"""A span that may still run, as an API shows it that knows finished spans only (pure)."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any, Final

from spantail.attributes import STATUS
from spantail_service.runs.sources import NO_SOURCES
from spantail_service.transfer.otlp import resource_of

if TYPE_CHECKING:
    from collections.abc import Mapping

    from spantail_service.runs.sources import Sources

RUNNING: Final = "running"
"""Value of the attribute `spantail.status` of a span that has not ended."""
UNKNOWN_SERVICE: Final = "unknown_service"
"""OpenTelemetry's name for a service that nobody named. Grafana leaves spans out whose resource says nothing."""


def as_read(state: Mapping[str, Any], now_us: int, sources: Sources = NO_SOURCES) -> dict[str, Any]:
    """The state with all that is read of it, `resource_details` and `scope_details` included where they are known.

    A span that goes on lasts until `now_us` (µs) and says that it does.
    """
    attributes = state.get("attributes") or {}
    seen = {**state, "attributes": attributes, "service": state.get("service") or UNKNOWN_SERVICE}
    seen.pop("name_told", None)  # a template: whoever looks is shown the name that was made of it
    if state["status"] == "running":
        seen["end"] = max(now_us, state["start"])
        seen["attributes"] = {**attributes, STATUS: RUNNING}
    return dict(sources.with_details(seen))


def resource_attribute(span: Mapping[str, Any], name: str) -> Any:
    """An attribute of a span's resource; of one that is not kept whole, as far as it stands in the span."""
    held = attributes_of(span, "resource_details")
    return held[name] if name in held else resource_of(span).get(name)


def resource_names(span: Mapping[str, Any]) -> set[str]:
    """The names of the attributes that `resource_attribute` knows."""
    return resource_of(span).keys() | attributes_of(span, "resource_details").keys()


def attributes_of(span: Mapping[str, Any], source: str) -> dict[str, Any]:
    """The attributes of `resource_details` or `scope_details`; none where that is not known."""
    held = (span.get(source) or {}).get("attributes")
    return held if isinstance(held, dict) else {}
