"""What OTLP says of a span beside its ids, times, name and attributes, as fields of our events (pure).

`spantail_exporters.model.record` says what the fields are. What has its default value, or was not sent, is absent.
"""

from __future__ import annotations

from functools import lru_cache
from typing import Any, Final

from spantail_exporters.model.record import dropped_of, microseconds

STATUS_CODE_OK, STATUS_CODE_ERROR = 1, 2
MOST_NS: Final = (2**53 - 1) * 1_000
"""Nanoseconds of the last microsecond that `microseconds` returns."""
KINDS: Final = ("", "internal", "server", "client", "producer", "consumer")
"""By the number of OTLP's `SpanKind`; 0 is unspecified."""


def span_fields_of(  # noqa: PLR0917 - by position: this runs for every span
    kind: int, trace_state: str, flags: int, status_code: int, start_ns: int, end_ns: int, dropped: dict[str, int]
) -> dict[str, Any]:
    """The further fields of a span; an unknown kind or status code is kept by its number.

    Times are nanoseconds since the epoch. The field `ns` holds what they are beyond their microsecond, or beyond the
    last one that we store. `end_told` (µs) is the end as it came, where it is before the start: the span then has no
    length.
    """
    common = _common(kind, flags, status_code)
    begun = start_ns % 1_000 if start_ns < MOST_NS else start_ns - MOST_NS
    ended = end_ns % 1_000 if end_ns < MOST_NS else end_ns - MOST_NS
    if not (begun or ended or trace_state or dropped or end_ns < start_ns):
        return common
    fields = common.copy()
    if trace_state:
        fields["trace_state"] = trace_state
    if begun or ended:
        fields["ns"] = [begun, ended]
    if end_ns < start_ns:
        fields["end_told"] = microseconds(end_ns)
    if dropped:
        fields["dropped"] = dropped
    return fields


def _rest(time_ns: int) -> int:
    return time_ns % 1_000 if time_ns < MOST_NS else time_ns - MOST_NS


@lru_cache(256)
def _common(kind: int, flags: int, status_code: int) -> dict[str, Any]:
    """What is the same on most spans, which share it."""
    fields: dict[str, Any] = {}
    if kind:
        fields["span_kind"] = KINDS[kind] if 0 < kind < len(KINDS) else str(kind)
    if flags:
        fields["flags"] = flags
    if status_code == STATUS_CODE_OK:
        fields["status_code"] = "ok"
    elif status_code and status_code != STATUS_CODE_ERROR:
        fields["status_code"] = str(status_code)
    return fields


def event_fields_of(time_ns: int, dropped: int) -> dict[str, Any] | None:
    """The fields of a span event."""
    fields = {"ns": _rest(time_ns), "dropped": dropped}
    return {name: value for name, value in fields.items() if value} or None


def link_fields_of(trace_state: str, flags: int, dropped: int, odd_ids: list[str] | None) -> dict[str, Any] | None:
    """The fields of a link; `odd_ids` are its trace id and span id in hex where they are not of their length."""
    fields = {"trace_state": trace_state, "flags": flags, "dropped": dropped, "odd_ids": odd_ids}
    return {name: value for name, value in fields.items() if value} or None


__all__ = [
    "KINDS",
    "MOST_NS",
    "STATUS_CODE_ERROR",
    "STATUS_CODE_OK",
    "dropped_of",
    "event_fields_of",
    "link_fields_of",
    "span_fields_of",
]
