"""A span as somebody sees it who reads now, through an API that knows finished spans only (pure)."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any, Final

from spantail.attributes import STATUS

if TYPE_CHECKING:
    from collections.abc import Mapping

RUNNING: Final = "running"
"""Value of the attribute ``spantail.status`` of a span that has not ended."""
UNKNOWN_SERVICE: Final = "unknown_service"
"""OpenTelemetry's name for a service that nobody named. Grafana leaves spans out whose resource says nothing."""


def as_read(state: Mapping[str, Any], now_us: int) -> dict[str, Any]:
    """The state with all that is read of it. A span that goes on lasts until ``now_us`` (µs) and says that it does."""
    attributes = state.get("attributes") or {}
    seen = {**state, "attributes": attributes, "service": state.get("service") or UNKNOWN_SERVICE}
    if state["status"] == "running":
        seen["end"] = max(now_us, state["start"])
        seen["attributes"] = {**attributes, STATUS: RUNNING}
    return seen
