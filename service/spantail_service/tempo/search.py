"""Searching traces: which of the newest runs have spans that fulfil a condition, in Tempo's shape."""

from __future__ import annotations

import asyncio
from typing import TYPE_CHECKING, Any, Final, NamedTuple

import orjson

from spantail.attributes import STATUS
from spantail_service.tempo.conditions import Scope, fields_of
from spantail_service.tempo.matching import Trace, holds, value_of
from spantail_service.tempo.reading import RUNNING, UNKNOWN_SERVICE, as_read
from spantail_service.transfer.otlp import any_values, end_of

if TYPE_CHECKING:
    from collections.abc import Awaitable, Callable, Sequence

    from spantail_service.tempo.conditions import Condition, Field
    from spantail_service.tempo.recent import Looked, Period, RecentRuns, Walk

MAX_SPANS_SHOWN: Final = 100
"""Spans of a trace that an answer shows at most."""
MAX_SHOWN: Final = 5_000
"""Spans that one answer shows, over all its traces; of those beyond, each trace shows one."""
MAX_TEXT: Final = 200
"""Characters of a value in an answer; longer ones are cut, the trace has them whole."""
MAX_SPANS: Final = 100_000
"""Spans that one search looks at; about two seconds' work."""

_LARGEST_MS: Final = 2**32 - 1  # a larger one would make readers in Go drop all of the answer
# What the answer says of a trace or a span anyway.
_UNSHOWN: Final = frozenset({"name", "duration", "traceDuration", "rootName", "rootServiceName", "trace:id", "span:id"})


class Wanted(NamedTuple):
    """What is searched for."""

    condition: Condition | None
    within: Period
    limit: int
    """Most traces."""
    spans_shown: int
    has_left: Callable[[], Awaitable[bool]]
    """Whether whoever asked is gone."""
    min_duration_ns: int = 0
    max_duration_ns: int | None = None


async def search(recent: RecentRuns, wanted: Wanted, now_us: int) -> dict[str, Any]:
    """`{traces, metrics}`; what was looked at stands in `metrics`.

    Raises:
        RegexError: a pattern has worked all it may.
        UnavailableError, CallerLeftError: as `RecentRuns.walk` says.
    """
    traces: list[dict[str, Any]] = []
    room = MAX_SHOWN
    async with recent.walk(wanted.within, MAX_SPANS, wanted.has_left) as walk:
        async for looked in walk:
            # In a thread: a run of 2,000 spans takes 40 ms that the other viewers should not wait for.
            most_shown = min(wanted.spans_shown, max(room, 1))
            found = await asyncio.to_thread(_found_in, looked, wanted, most_shown, now_us)
            if found is not None:
                traces.append(found)
                room -= len(found["spanSet"]["spans"])
                if len(traces) == wanted.limit:
                    break
        return {"traces": traces, "metrics": metrics(walk)}


def metrics(walk: Walk) -> dict[str, Any]:
    """Tempo's `SearchMetrics`; a job is a run, and one that is not completed was not, or not wholly, looked into."""
    return {
        "inspectedTraces": walk.runs,
        "inspectedBytes": str(walk.bytes),
        "totalJobs": walk.runs + walk.left_out,
        "completedJobs": walk.whole,
    }


def read_trace(looked: Looked, now_us: int) -> tuple[Trace, list[dict[str, Any]]]:
    """A run as a trace, and its spans by their start, as they are read at `now_us`."""
    spans = [as_read(orjson.loads(state), now_us, looked.sources) for state in looked.states]
    spans.sort(key=lambda span: span["start"])
    run = looked.run
    last = max((end_of(span) for span in spans), default=0)
    duration_ns = (last - spans[0]["start"]) * 1_000 if spans else 0
    return Trace(run["run_id"], run["name"], run["service"] or UNKNOWN_SERVICE, duration_ns), spans


def _found_in(looked: Looked, wanted: Wanted, most_shown: int, now_us: int) -> dict[str, Any] | None:
    trace, spans = read_trace(looked, now_us)
    longest = wanted.max_duration_ns
    if trace.duration_ns < wanted.min_duration_ns or (longest is not None and trace.duration_ns > longest):
        return None
    matched = [span for span in spans if holds(wanted.condition, span, trace)]
    if not matched:
        return None
    fields = [
        field
        for field in fields_of(wanted.condition)
        if field.scope is not Scope.INTRINSIC or field.name not in _UNSHOWN
    ]
    shown = {
        "spans": [_shown(span, trace, fields) for span in matched[:most_shown]],
        "matched": len(matched),
    }
    return {
        "traceID": trace.run_id.lstrip("0"),
        "rootServiceName": trace.service,
        "rootTraceName": trace.name,
        "startTimeUnixNano": str(spans[0]["start"] * 1_000),
        "durationMs": min(max(0, trace.duration_ns) // 1_000_000, _LARGEST_MS),
        "spanSet": shown,  # for readers from before there could be several
        "spanSets": [shown],
    }


def _shown(span: dict[str, Any], trace: Trace, fields: Sequence[Field]) -> dict[str, Any]:
    asked = {field.name: _brief(value_of(field, span, trace)) for field in fields}
    if span["status"] == "running":
        asked[STATUS] = RUNNING
    return {
        "spanID": span["span_id"],
        "name": span["name"],
        "startTimeUnixNano": str(span["start"] * 1_000),
        "durationNanos": str(max(0, end_of(span) - span["start"]) * 1_000),  # a clock may have been put back
        "attributes": any_values({name: value for name, value in asked.items() if value is not None}),
    }


def _brief(value: Any) -> Any:
    match value:
        case str() if len(value) > MAX_TEXT:
            return value[: MAX_TEXT - 1] + "…"
        case list() | dict():
            return _brief(orjson.dumps(value).decode("utf-8"))
        case _:
            return value
