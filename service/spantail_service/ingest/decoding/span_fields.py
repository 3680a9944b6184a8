"""What OTLP says of a span beside its ids, times, name and attributes, as fields of our events (pure).

`spantail_exporters.model.record` says what the fields are. What is the default, or was not said, is absent.
"""

from __future__ import annotations

from functools import lru_cache
from typing import Any, Final

from spantail_exporters.model.record import dropped_of, microseconds

STATUS_CODE_OK, STATUS_CODE_ERROR = 1, 2
_LAST_NS: Final = (2**53 - 1) * 1_000  # of the last microsecond that `microseconds` returns
KINDS: Final = ("", "internal", "server", "client", "producer", "consumer")
"""By the number of OTLP's `SpanKind`; 0 is unspecified."""


def span_facts(  # noqa: PLR0917 - by position: this runs for every span
    kind: int, trace_state: str, flags: int, status_code: int, start_ns: int, end_ns: int, dropped: dict[str, int]
) -> dict[str, Any]:
    """The facts of a span; an unknown kind or status code is kept by its number. Times are nanoseconds since the epoch.

    `ns` is what the times are beyond their microsecond, or beyond the last one that we hold. `end_told` (us) is the
    end as it came where it lies before the start: the span then counts as one without length.
    """
    facts = _common(kind, flags, status_code).copy()
    if trace_state:
        facts["trace_state"] = trace_state
    begun, ended = _rest(start_ns), _rest(end_ns)
    if begun or ended:
        facts["ns"] = [begun, ended]
    if end_ns < start_ns:
        facts["end_told"] = microseconds(end_ns)
    if dropped:
        facts["dropped"] = dropped
    return facts


def _rest(time_ns: int) -> int:
    return time_ns % 1_000 if time_ns < _LAST_NS else time_ns - _LAST_NS


@lru_cache(256)
def _common(kind: int, flags: int, status_code: int) -> dict[str, Any]:
    """What is the same on most spans."""
    facts: dict[str, Any] = {}
    if kind:
        facts["span_kind"] = KINDS[kind] if 0 < kind < len(KINDS) else str(kind)
    if flags:
        facts["flags"] = flags
    if status_code == STATUS_CODE_OK:
        facts["status_code"] = "ok"
    elif status_code and status_code != STATUS_CODE_ERROR:
        facts["status_code"] = str(status_code)
    return facts


def note_facts(time_ns: int, dropped: int) -> dict[str, Any] | None:
    """The facts of a span event."""
    facts = {"ns": _rest(time_ns), "dropped": dropped}
    return {name: value for name, value in facts.items() if value} or None


def link_facts(trace_state: str, flags: int, dropped: int, odd_ids: list[str] | None) -> dict[str, Any] | None:
    """The facts of a link; `odd_ids` are its trace id and span id in hex where they are not of their length."""
    facts = {"trace_state": trace_state, "flags": flags, "dropped": dropped, "odd_ids": odd_ids}
    return {name: value for name, value in facts.items() if value} or None


__all__ = ["KINDS", "STATUS_CODE_ERROR", "STATUS_CODE_OK", "dropped_of", "link_facts", "note_facts", "span_facts"]
