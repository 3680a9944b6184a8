"""How a trace in Jaeger is held against the same run here: as OTLP, as the snapshot tells it, as Jaeger shows it."""

from __future__ import annotations

from collections import Counter
from typing import TYPE_CHECKING, Any, Final

from spantail import attributes as key
from spantail_service.ingest.decoding.span_fields import KINDS
from tests.support.otlp.meaning import attributes_in, differences, meaning_of, read_export
from tests.support.waiting import eventually_async

if TYPE_CHECKING:
    from collections.abc import Iterable, Mapping, Sequence

    from opentelemetry.proto.collector.trace.v1.trace_service_pb2 import ExportTraceServiceRequest
    from opentelemetry.proto.trace.v1.trace_pb2 import Span

    from tests.e2e.viewer import Viewer
    from tests.support.programs.jaegers import Jaeger

_ARRIVES_S: Final = 30.0
_US: Final = 1_000  # nanoseconds
_REMOTE: Final = 0x200  # OTLP: the parent's or the linked context came from another process
_CODES: Final = {"ok": (0, 1), "error": (2,), "skipped": (0,), "cancelled": (0, 2), "abandoned": (2,)}
"""Status here → `StatusCode` in OTLP: what an application leaves unset is `ok` here."""
_UNPAID: Final = {"error", "skipped", "cancelled"}
"""Of a call that was refused, or never made, nobody knows a cost."""


async def check_run(jaeger: Jaeger, viewer: Viewer) -> list[dict[str, Any]]:
    """Wait until Jaeger has as many spans as the run, and compare; answers the run's spans."""
    await viewer.to_the_end()
    ours: list[dict[str, Any]] = (await viewer.snapshot())["spans"]
    run_id = viewer.run_id
    await eventually_async(lambda: len(jaeger.spans(run_id)) >= len(ours), _ARRIVES_S, what=f"{len(ours)} spans")
    answer = await viewer.client.get(f"/api/runs/{run_id}/export", params={"format": "otlp"})
    trace, shown = jaeger.trace(run_id), jaeger.shown(run_id)
    assert trace is not None
    assert shown is not None
    stored = jaeger.spans(run_id)
    check_same_tree(stored, ours)
    check_shown(shown, stored)
    check_same_spans(trace, read_export(answer.content))
    return ours


def check_same_spans(theirs: ExportTraceServiceRequest, ours: ExportTraceServiceRequest) -> None:
    """The same spans with the same ids, times, attributes, events, links, status, resource and scope.

    To the microsecond. Of the flags, only what is remote is compared: the SDK's exporter leaves out what was sampled.
    `spantail.live` is for the way alone.
    """
    for request in (theirs, ours):
        _to_microseconds(request)
    one, other = meaning_of([theirs]), meaning_of([ours])
    found = differences(one, other) + differences(other, one)
    assert not found, "\n".join(found)


def _to_microseconds(request: ExportTraceServiceRequest) -> None:
    for of_resource in request.resource_spans:
        attributes = of_resource.resource.attributes
        kept = [one for one in attributes if one.key != key.RESOURCE_LIVE]
        del attributes[:]
        attributes.extend(kept)
        for span in (span for of_scope in of_resource.scope_spans for span in of_scope.spans):
            span.flags &= _REMOTE
            span.start_time_unix_nano -= span.start_time_unix_nano % _US
            span.end_time_unix_nano -= span.end_time_unix_nano % _US
            for event in span.events:
                event.time_unix_nano -= event.time_unix_nano % _US
            for link in span.links:
                link.flags &= _REMOTE


def check_same_tree(theirs: Sequence[Span], ours: Iterable[Mapping[str, Any]]) -> None:
    """The same tree as in the snapshot, each span once; every call of a model has its backend and its cost."""
    spans = {span.span_id.hex(): span for span in theirs}
    assert Counter(span.span_id.hex() for span in theirs).most_common(1)[0][1] == 1, "a span that is there twice"
    states = {state["span_id"]: state for state in ours}
    assert spans.keys() == states.keys()
    for span_id, span in spans.items():
        _check_span(span, states[span_id])
    parents = {span.parent_span_id.hex() for span in theirs} - {""}
    assert parents <= spans.keys(), "a span whose parent is not there"
    assert len([span for span in theirs if not span.parent_span_id]) == 1, "one root"


def _check_span(span: Span, state: Mapping[str, Any]) -> None:
    assert span.end_time_unix_nano > span.start_time_unix_nano, f"{span.name}: without a length"
    assert _fields(span) == (
        state["run_id"], state["parent_id"] or "", state["name"], state.get("span_kind", "internal"),
        state["start"], state["end"],
    )  # fmt: skip
    assert span.status.code in _CODES[state["status"]], span.name
    events = [(event.name, event.time_unix_nano // _US) for event in span.events]
    assert events == [(event["name"], event["ts"]) for event in state.get("span_events", [])]
    links = [(link.trace_id.hex(), link.span_id.hex()) for link in span.links]
    assert links == [(link["run_id"], link["span_id"]) for link in state.get("links", [])]
    sent = {pair.key: getattr(pair.value, pair.value.WhichOneof("value") or "string_value") for pair in span.attributes}
    assert sent[key.KIND] == state["kind"]
    if state["kind"] == "llm_call":
        assert sent[key.BACKEND] == state["backend"]
        if state["status"] not in _UNPAID:
            assert (sent[key.COST_USD], sent[key.COST_SOURCE]) == (state["cost_usd"], state["cost_source"])


def _fields(span: Span) -> tuple[Any, ...]:
    return (
        span.trace_id.hex(), span.parent_span_id.hex(), span.name, KINDS[span.kind],
        span.start_time_unix_nano // _US, span.end_time_unix_nano // _US,
    )  # fmt: skip


def check_shown(trace: Mapping[str, Any], stored: Sequence[Span]) -> None:
    """What Jaeger's page reads is the same tree, and Jaeger has nothing to warn of."""
    assert not trace["warnings"]
    spans = {span["spanID"]: span for span in trace["spans"]}
    assert spans.keys() == {span.span_id.hex() for span in stored}
    for span in stored:
        shown = spans[span.span_id.hex()]
        assert not shown["warnings"], shown["warnings"]
        assert shown["operationName"] == span.name
        assert shown["startTime"] == span.start_time_unix_nano // _US
        assert shown["duration"] == (span.end_time_unix_nano - span.start_time_unix_nano) // _US
        tags = {tag["key"]: tag["value"] for tag in shown["tags"]}
        assert tags.get("error", False) is (span.status.code == span.status.STATUS_CODE_ERROR)
        assert attributes_in(span.attributes).keys() <= tags.keys()
        assert [reference["spanID"] for reference in shown["references"]][:1] == (
            [span.parent_span_id.hex()] if span.parent_span_id else [link.span_id.hex() for link in span.links][:1]
        )
